# What requests cost: the plugin once more, counting its steps. With a sanitizer it would count the sanitizer's.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CHRONIK_SANITIZE)
  return()
endif()

set(cost_sources "")
foreach(library kafka_wire kafka_records kafka_cluster kafka_configs kafka_partition kafka_server kafka_handlers)
  get_target_property(sources ${library} SOURCES)
  get_target_property(folder ${library} SOURCE_DIR)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
    list(APPEND cost_sources ${source})
  endforeach()
endforeach()
add_library(kafka_cost STATIC EXCLUDE_FROM_ALL ${cost_sources} ${plugin}/plugin.cc server/broker_testing.cc)
add_dependencies(kafka_cost kafka_codec)
target_include_directories(kafka_cost PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${fixtures})
# They stand behind it for what they need in turn: of their own code nothing is missing any more.
target_link_libraries(kafka_cost PUBLIC kafka_handlers GTest::gtest_main)
target_compile_options(kafka_cost PUBLIC -fsanitize-coverage=trace-pc ${test_compile_options} -Wno-maybe-uninitialized)

add_library(kafka_cost_meter OBJECT cost/meter.cc)
target_link_libraries(kafka_cost_meter PRIVATE chronik::sdk)
target_include_directories(kafka_cost_meter PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
add_library(kafka_cost_tests OBJECT cost/cost_test.cc)
target_link_libraries(kafka_cost_tests PUBLIC kafka_cost)
add_dependencies(kafka_cost_tests kafka_wire_fixtures)

add_executable(kafka_cost_test $<TARGET_OBJECTS:kafka_cost_tests> $<TARGET_OBJECTS:kafka_cost_meter>)
target_link_libraries(kafka_cost_test PRIVATE kafka_cost)
set_target_properties(kafka_cost_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME kafka_cost_test COMMAND kafka_cost_test)

# cost_mutant(<name> <file> <tests that show it> <the cost that passes its bound> <text> <text in its place>)
function(cost_mutant name file filter cost text instead)
  mutant_source(${name} ${file} "${text}" "${instead}" copy)
  set(program kafka_cost_of_${name})
  add_executable(${program} ${copy} $<TARGET_OBJECTS:kafka_cost_tests> $<TARGET_OBJECTS:kafka_cost_meter>)
  target_link_libraries(${program} PRIVATE kafka_cost)
  target_compile_options(${program} PRIVATE -Wno-error)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME kafka_cost_catches_${name} COMMAND ${program} --gtest_filter=${filter})
  set_tests_properties(kafka_cost_catches_${name} PROPERTIES
                       PASS_REGULAR_EXPRESSION ": ${cost} for [0-9]+ |more than [0-9]+ ${cost}[^a-z]")
endfunction()

cost_mutant(assignments_compared handlers/create_topics.cc "*/CreateTopics" steps
  "if (replicas > kMaxReplicas)"
  "if (replicas > 100'000'000)")
cost_mutant(lists_compared configs/config_changes.cc "*/IncrementalAlterConfigs" steps
  "return there.insert(element).second;"
  "return std::ranges::find(out, element) == out.end();")
cost_mutant(log_dirs_of_all handlers/describe_log_dirs.cc "*/DescribeLogDirs" steps
  "    indexes.insert(indexes.end(), topic.partitions.begin(), topic.partitions.end());"
  "    indexes.insert(indexes.end(), topic.partitions.begin(), topic.partitions.end());
    if (const HostedTopic* hosted = survey.map->find(topic.topic); hosted != nullptr) {
      std::set<int32_t> wanted;
      for (size_t i = 0; i < hosted->partitions.size(); ++i) wanted.insert(static_cast<int32_t>(i));
    }")
cost_mutant(resources_told_often handlers/describe_configs.cc "*.TopicsAgainAndAgain" steps
  "if (!told.emplace(resource.resource_type, resource.resource_name).second) continue;"
  "")
cost_mutant(record_errors_of_each_batch handlers/produce.cc "*.RecordsThatFail" "bytes answered"
  "job.record_errors_left -= refusal.records.size();"
  "")
cost_mutant(leaders_sought_often handlers/metadata.cc "*.MetadataThatWaitsForLeaders" steps
  "return !named.emplace(name, id).second;"
  "return false;")
cost_mutant(ids_told_often handlers/metadata.cc "*/Metadata" steps
  "const bool by_id = !is_zero(topic.topic_id);"
  "const bool by_id = false;")
cost_mutant(brokers_told_often handlers/describe_configs.cc "*.BrokersAgainAndAgain" steps
  "if (!told.emplace(resource.resource_type, resource.resource_name).second) continue;"
  "if (!told.emplace(resource.resource_type, resource.resource_name).second &&
        resource.resource_type == kTopicResource)
      continue;")
cost_mutant(broker_configs_compared configs/config_changes.cc "*.ConfigsOfBrokers" steps
  "    named.insert(config.name);"
  "    if (std::ranges::count(wanted.configs, config.name, &WantedConfig::name) == 1) named.insert(config.name);")
cost_mutant(features_compared handlers/update_features.cc "*/UpdateFeatures" steps
  "    job->items.push_back({to_abi(asked.feature), asked.max_version_level, asked.upgrade_type, 0});"
  "    if ([&] {
          for (const chr_feature_update& item : job->items)
            if (from_abi(item.name) == asked.feature) return false;
          return true;
        }())
      job->items.push_back({to_abi(asked.feature), asked.max_version_level, asked.upgrade_type, 0});")

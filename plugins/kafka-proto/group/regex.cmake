# kafka_group_regex: all that is known of RE2.
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
add_library(kafka_group_regex STATIC regex.cc)
target_link_libraries(kafka_group_regex PUBLIC kafka_group_core PRIVATE PkgConfig::RE2)
set_target_properties(kafka_group_regex PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

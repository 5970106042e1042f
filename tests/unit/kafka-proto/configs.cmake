# What configs mean: values, and the page that shows them.
chronik_test(kafka_configs_test
  SOURCES configs/config_page_test.cc configs/group_config_test.cc configs/topic_config_test.cc
  LINK kafka_broker_testing)

include(group-consumer.cmake)

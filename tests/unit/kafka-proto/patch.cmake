# cmake -DSPEC=<file> -DIN=<source> -DOUT=<copy> -P patch.cmake: copies a source with one text replaced. SPEC sets `text` and `instead`.
include(${SPEC})
file(READ ${IN} source)
string(FIND "${source}" "${text}" first)
string(FIND "${source}" "${text}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "a planted bug of tests/unit/kafka-proto wants to replace\n  ${text}\nwhich is not exactly once "
                      "in ${IN}: the source changed, so change the text of the mutant with it")
endif()
string(REPLACE "${text}" "${instead}" source "${source}")
file(WRITE ${OUT} "${source}")

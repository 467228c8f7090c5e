# Writes OUT, a header that names the commit of SOURCE, where that is a clone; only when it has changed.
cmake_minimum_required(VERSION 3.21)
set(commit "")
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git describe --always --dirty --match= WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit
                  ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(NOT failed EQUAL 0)
    set(commit "")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define PRIMER_COMMIT \"@commit@\"\n" @ONLY)

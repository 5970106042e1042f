# chronik_add_plugin(<name> SOURCES <files>... [LINK <libraries>...] [MANIFEST <file>] [DIRECTORY <dir>])
#
# Builds <name>.so, a loadable plugin that exports exactly one symbol. MANIFEST (default: <name>.manifest beside the
# CMakeLists.txt) is embedded as the ELF section ".chronik.manifest", which the host reads without loading the file.
# DIRECTORY is where the shared object is left: by default the folder of shipped plugins inside the chronik tree, and the
# build folder elsewhere.

function(chronik_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MANIFEST;DIRECTORY" "SOURCES;LINK")
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "chronik_add_plugin(${name}): SOURCES is missing")
  endif()
  if(NOT arg_MANIFEST)
    set(arg_MANIFEST ${CMAKE_CURRENT_SOURCE_DIR}/${name}.manifest)
  endif()
  if(NOT arg_DIRECTORY)
    set(arg_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    if(CHRONIK_PLUGIN_DIR)
      set(arg_DIRECTORY ${CHRONIK_PLUGIN_DIR})
    endif()
  endif()
  if(NOT EXISTS ${arg_MANIFEST})
    message(FATAL_ERROR "chronik_add_plugin(${name}): the manifest ${arg_MANIFEST} does not exist")
  endif()

  set(section ${CMAKE_CURRENT_BINARY_DIR}/${name}.manifest.S)
  set(CHRONIK_MANIFEST_FILE ${arg_MANIFEST})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/manifest.S.in ${section} @ONLY)
  set_source_files_properties(${section} PROPERTIES LANGUAGE C COMPILE_OPTIONS "-x;assembler-with-cpp"
                              OBJECT_DEPENDS ${arg_MANIFEST})

  add_library(${name} MODULE ${arg_SOURCES} ${section})
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} CXX_VISIBILITY_PRESET hidden
                        C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON LIBRARY_OUTPUT_DIRECTORY ${arg_DIRECTORY})
  target_link_libraries(${name} PRIVATE chronik::sdk ${arg_LINK})
  target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.version
                      -Wl,--exclude-libs,ALL)
  if(NOT CHRONIK_SANITIZE)  # a sanitizer's runtime stays undefined until the program provides it
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
endfunction()

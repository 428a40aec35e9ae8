# Text that is compiled into the program: SQL of state/ as named statements, files of plans/ as arrays.

# state/NAME.sql becomes generated/NAME_sql.h: `enum NAME_statement` and `NAME_statements[]` (struct roll_sql_text).
# A statement begins with a line `-- name: some_name` and ends before the next one; all lines between belong to it.
function(roll_embed_sql target)
  file(GLOB sql_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/state/*.sql)
  foreach(sql ${sql_files})
    get_filename_component(name ${sql} NAME_WE)
    set(out ${CMAKE_BINARY_DIR}/generated/${name}_sql.h)
    add_custom_command(OUTPUT ${out}
      COMMAND ${CMAKE_COMMAND} -DIN=${sql} -DOUT=${out} -DNAME=${name} -P ${CMAKE_SOURCE_DIR}/scripts/cmake/sql_to_c.cmake
      DEPENDS ${sql} ${CMAKE_SOURCE_DIR}/scripts/cmake/sql_to_c.cmake VERBATIM)
    target_sources(${target} PRIVATE ${out})
  endforeach()
endfunction()

# Each file listed here becomes generated/NAME.h with `static const char NAME[]` and `NAME_size`.
function(roll_embed_files target)
  foreach(pair
      "plans/plan.schema.json=plan_schema_json"
      "plans/ledger.schema.json=ledger_schema_json"
      "src/report/page.html=page_html"
      "src/report/page.css=page_css"
      "src/report/page.js=page_js")
    string(REGEX MATCH "^(.*)=(.*)$" _ ${pair})
    set(in ${CMAKE_SOURCE_DIR}/${CMAKE_MATCH_1})
    set(name ${CMAKE_MATCH_2})
    set(out ${CMAKE_BINARY_DIR}/generated/${name}.h)
    if(EXISTS ${in})
      add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DIN=${in} -DOUT=${out} -DNAME=${name} -P ${CMAKE_SOURCE_DIR}/scripts/cmake/file_to_c.cmake
        DEPENDS ${in} ${CMAKE_SOURCE_DIR}/scripts/cmake/file_to_c.cmake VERBATIM)
      target_sources(${target} PRIVATE ${out})
    endif()
  endforeach()
endfunction()

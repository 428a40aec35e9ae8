# cmake -DIN=state/NAME.sql -DOUT=NAME_sql.h -DNAME=NAME -P sql_to_c.cmake: named statements as an enum and an array.
file(READ ${IN} text)
# Semicolons and brackets have a meaning in cmake's lists; they are hidden while the text is cut into lines.
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE ";" "\x01" text "${text}")
string(REPLACE "[" "\x02" text "${text}")
string(REPLACE "]" "\x03" text "${text}")
string(REPLACE "\n" ";" lines "${text}")
string(TOUPPER ${NAME} upper)
set(enum "")
set(array "")
set(open FALSE)
foreach(line IN LISTS lines)
  if(line MATCHES "^-- name: ([a-z0-9_]+)$")
    if(open)
      string(APPEND array "},\n")
    endif()
    string(TOUPPER ${CMAKE_MATCH_1} statement)
    string(APPEND enum "    ${upper}_${statement},\n")
    string(APPEND array "    {\"${CMAKE_MATCH_1}\", \"\"")
    set(open TRUE)
  elseif(open AND NOT line MATCHES "^ *--" AND NOT line MATCHES "^ *$")
    string(APPEND array "\n     \"${line}\\n\"")
  endif()
endforeach()
if(open)
  string(APPEND array "},\n")
endif()
string(REPLACE "\x01" ";" array "${array}")
string(REPLACE "\x02" "[" array "${array}")
string(REPLACE "\x03" "]" array "${array}")
file(WRITE ${OUT} "/* Made from state/${NAME}.sql at build time. */
#include \"rollbook/sql.h\"
enum ${NAME}_statement {
${enum}    ${upper}_STATEMENTS
};
static const struct roll_sql_text ${NAME}_statements[] = {
${array}};
")

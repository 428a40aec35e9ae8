# cmake -DIN=file -DOUT=header -DNAME=symbol -P file_to_c.cmake: a file as a C array.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Made from ${NAME} at build time. */\nstatic const unsigned char ${NAME}[] = {\n${bytes}0};\nstatic const unsigned long ${NAME}_size = sizeof(${NAME}) - 1;\n")

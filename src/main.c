/* The program: everything else is a library. */
#include "cli/app.h"

int main(int argc, char **argv)
{
    roll_begin();
    return roll_main(argc, argv);
}

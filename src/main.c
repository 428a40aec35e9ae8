/* The program: everything else is a library. */
#include "cli/app.h"

int main(int argc, char **argv)
{
    return roll_main(argc, argv);
}

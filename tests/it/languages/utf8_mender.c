/* Prints its input as `guest-sdk/c/utf8.c` mends it; then how many bytes at its end are the beginning of a character. */
#include "curricle_utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    static uint8_t input[1 << 20];
    size_t size = fread(input, 1, sizeof input, stdin);
    /* In memory of exactly its size, so that a byte too many is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, input, size);
    size_t begun = curricle_utf8_begun(exact, size);
    size_t kept = curricle_utf8_mend(exact, size);
    fwrite(exact, 1, kept, stdout);
    printf("\n%zu", begun);
    free(exact);
    return 0;
}

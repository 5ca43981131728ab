/* Prints each line of its input, a JSON value, as `guest-sdk/c/json.c` reads it. */
#include "curricle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

curricle_ok curricle_refuse_config(const char *format, ...) {
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return false;
}

static void hexadecimal(const char *text) {
    for (; *text; text++) printf("%02x", (unsigned char)*text);
}

static void dump(curricle_json value) {
    static char text[65536];
    double number;
    uint64_t whole;
    bool flag;
    curricle_json list, element;
    if (value.size == 4 && memcmp(value.text, "null", 4) == 0) {
        printf("null");
    } else if (curricle_config_flag(value, NULL, &flag)) {
        printf("flag %s", flag ? "true" : "false");
    } else if (curricle_config_number(value, NULL, &number)) {
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        printf("number %016llx", (unsigned long long)bits);
        if (curricle_config_whole(value, NULL, &whole)) printf(" whole %llu", (unsigned long long)whole);
    } else if (curricle_config_text(value, NULL, text, sizeof text)) {
        printf("text ");
        hexadecimal(text);
    } else if (curricle_config_list(value, NULL, &list)) {
        printf("[");
        for (const char *comma = ""; curricle_config_next(&list, &element); comma = ", ") {
            printf("%s", comma);
            dump(element);
        }
        printf("]");
    } else if (curricle_config_object(value, NULL, &list)) {
        curricle_json object = list;
        printf("{");
        for (const char *comma = ""; curricle_config_next_key(&list, text, sizeof text, &element); comma = ", ") {
            printf("%s", comma);
            hexadecimal(text);
            printf(": ");
            /* What is found by its key is what goes by. */
            bool null = element.size == 4 && memcmp(element.text, "null", 4) == 0;
            if (curricle_config_has(object, text) == null) abort();
            dump(element);
        }
        printf("}");
    } else {
        printf("none");
    }
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, stdin)) > 0) {
        if (line[size - 1] == '\n') size--;
        /* In memory of exactly its size, so that a byte too many is seen. */
        char *exact = malloc(size ? (size_t)size : 1);
        memcpy(exact, line, (size_t)size);
        dump((curricle_json){ exact, (size_t)size });
        printf("\n");
        free(exact);
    }
    free(line);
    return 0;
}

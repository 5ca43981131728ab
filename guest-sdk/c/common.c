/* Refusals, the log, memory: what every kind of plugin has. */
#include "glue.h"
#include "curricle_utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wit_error refusal;
static bool refused;

curricle_ok curricle_keep(bool ok, wit_error *error) {
    if (!ok) {
        if (refused) curricle_plugin_types_error_free(&refusal);
        refusal = *error;
        refused = true;
    }
    return ok;
}

bool curricle_answer(curricle_ok ok, wit_error *error) {
    if (!ok) {
        if (!refused) curricle_refuse_data("it gave no reason");
        *error = refusal;
        refused = false;
    }
    return ok;
}

static wit_string_t format_text(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) size = 0;
    char *text = curricle_memory((size_t)size + 1, 1);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    /* A format such as `%.3s` may have cut a character in two. */
    return (wit_string_t){ (uint8_t *)text, curricle_utf8_mend((uint8_t *)text, (size_t)size) };
}

static curricle_ok refuse(uint8_t tag, const char *format, va_list arguments) {
    wit_error error;
    error.tag = tag;
    /* All cases but `exhausted` hold a string, in one place. */
    error.val.config = format_text(format, arguments);
    return curricle_keep(false, &error);
}

#define REFUSE(tag)                                                                                                                        \
    va_list arguments;                                                                                                                     \
    va_start(arguments, format);                                                                                                           \
    refuse(tag, format, arguments);                                                                                                        \
    va_end(arguments);                                                                                                                     \
    return false

curricle_ok curricle_refuse_config(const char *format, ...) {
    REFUSE(CURRICLE_PLUGIN_TYPES_ERROR_CONFIG);
}

curricle_ok curricle_refuse_data(const char *format, ...) {
    REFUSE(CURRICLE_PLUGIN_TYPES_ERROR_DATA);
}

curricle_ok curricle_refuse_state(const char *format, ...) {
    REFUSE(CURRICLE_PLUGIN_TYPES_ERROR_STATE);
}

curricle_ok curricle_exhausted(void) {
    wit_error error = { .tag = CURRICLE_PLUGIN_TYPES_ERROR_EXHAUSTED };
    return curricle_keep(false, &error);
}

void curricle_log(curricle_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    wit_string_t text = format_text(format, arguments);
    va_end(arguments);
    curricle_plugin_logging_log((curricle_plugin_logging_level_t)level, &text);
    wit_string_free(&text);
}

void *curricle_memory(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

void curricle_write(curricle_bytes *bytes, const void *data, size_t size) {
    if (size == 0) return;
    if (size > SIZE_MAX - bytes->size) abort();
    uint8_t *grown = realloc(bytes->data, bytes->size + size);
    if (!grown) abort();
    memcpy(grown + bytes->size, data, size);
    bytes->data = grown;
    bytes->size += size;
}

wit_string_t curricle_view(const char *text) {
    return (wit_string_t){ (uint8_t *)text, strlen(text) };
}

void curricle_describe(curricle_plugin_types_description_t *description) {
    wit_string_dup(&description->name, curricle_name);
    wit_string_dup(&description->version, curricle_version);
    wit_string_dup(&description->summary, curricle_summary);
    wit_string_dup(&description->config_schema, curricle_schema);
}

curricle_json curricle_config(const wit_string_t *config) {
    return (curricle_json){ (const char *)config->ptr, config->len };
}

/* What `assert` calls when it fails; the standard library's writes to a standard error that nobody reads. */
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function) {
    curricle_log(CURRICLE_ERROR, "%s:%d: %s: assertion `%s` failed", file, line, function, expression);
    __builtin_trap();
}

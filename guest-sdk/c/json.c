/* The reader of the configuration. The host hands over JSON that is well formed; a text that is not ends in a refusal, never beyond its end. */
#include "curricle.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static curricle_json trim(curricle_json json) {
    while (json.size && is_space(*json.text)) json.text++, json.size--;
    while (json.size && is_space(json.text[json.size - 1])) json.size--;
    return json;
}

static curricle_json after(curricle_json json, size_t count) {
    return (curricle_json){ json.text + count, json.size - count };
}

/* Bytes of the string at the start, quotes included; 0 if it has no end. */
static size_t string_size(curricle_json json) {
    for (size_t i = 1; i < json.size; i++) {
        if (json.text[i] == '\\') {
            i++;
        } else if (json.text[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* Bytes of the value at the start; 0 if there is none. Brackets are counted, not matched. */
static size_t value_size(curricle_json json) {
    size_t depth = 0, i = 0;
    while (i < json.size) {
        char c = json.text[i];
        if (c == '"') {
            size_t size = string_size(after(json, i));
            if (size == 0) return 0;
            i += size;
        } else if (c == '[' || c == '{') {
            depth++, i++;
        } else if (c == ']' || c == '}') {
            if (depth == 0) return i;
            depth--, i++;
        } else if (depth > 0) {
            i++;
            continue;
        } else if (c == ',' || c == ':' || is_space(c)) {
            return i;
        } else {
            i++;
            continue;
        }
        /* A string or a container that is over is the value. */
        if (depth == 0) return i;
    }
    return depth == 0 ? i : 0;
}

/* Takes a value and what follows it off the inside of a list or object. */
static bool take(curricle_json *rest, char separator, curricle_json *value) {
    *rest = trim(*rest);
    size_t size = value_size(*rest);
    if (size == 0) return false;
    *value = (curricle_json){ rest->text, size };
    *rest = trim(after(*rest, size));
    if (rest->size == 0) return separator == ',';
    if (*rest->text != separator) return false;
    *rest = after(*rest, 1);
    return true;
}

static unsigned hexadecimal(const char *text) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - 'A') + 10;
        value = value << 4 | (digit & 15);
    }
    return value;
}

static size_t utf8(unsigned code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00 >> size & 0xf0) | code);
    return size;
}

/* Takes one character off the inside of a string and gives its bytes; 0 at the end. */
static size_t take_character(curricle_json *rest, char out[4]) {
    if (rest->size == 0) return 0;
    char c = *rest->text;
    if (c != '\\' || rest->size < 2) {
        out[0] = c;
        *rest = after(*rest, 1);
        return 1;
    }
    char escaped = rest->text[1];
    *rest = after(*rest, 2);
    if (escaped != 'u' || rest->size < 4) {
        const char *from = "bfnrt", *to = "\b\f\n\r\t", *found = strchr(from, escaped);
        out[0] = escaped && found ? to[found - from] : escaped;
        return 1;
    }
    unsigned code = hexadecimal(rest->text);
    *rest = after(*rest, 4);
    if (code >= 0xd800 && code < 0xdc00 && rest->size >= 6 && rest->text[0] == '\\' && rest->text[1] == 'u') {
        unsigned low = hexadecimal(rest->text + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            *rest = after(*rest, 6);
        }
    }
    /* Half a pair is no character: what stands for one takes its place. */
    return utf8(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, out);
}

static bool is_string(curricle_json json) {
    return json.size >= 2 && json.text[0] == '"' && string_size(json) == json.size;
}

/* Writes a string's characters, as many as there is room for, and a zero. False if some were left out, or one is a zero itself. */
static bool unescape(curricle_json string, char *value, size_t room) {
    curricle_json inside = { string.text + 1, string.size - 2 };
    char bytes[4];
    size_t length = 0;
    bool whole = room > 0;
    for (size_t size; (size = take_character(&inside, bytes)) != 0;) {
        if (bytes[0] == 0 || size >= room - length) {
            whole = false;
            break;
        }
        memcpy(value + length, bytes, size);
        length += size;
    }
    if (room) value[length] = 0;
    return whole;
}

static bool is_key(curricle_json string, const char *key) {
    if (!is_string(string)) return false;
    curricle_json inside = { string.text + 1, string.size - 2 };
    char bytes[4];
    for (size_t size; (size = take_character(&inside, bytes)) != 0; key += size) {
        if (strncmp(key, bytes, size) != 0 || bytes[0] == 0) return false;
    }
    return *key == 0;
}

/* The inside of a list or an object. */
static bool inside(curricle_json json, char open, char close, curricle_json *rest) {
    json = trim(json);
    if (json.size < 2 || json.text[0] != open || json.text[json.size - 1] != close) return false;
    *rest = trim((curricle_json){ json.text + 1, json.size - 2 });
    return true;
}

static bool find(curricle_json json, const char *key, curricle_json *value) {
    if (!key) {
        *value = trim(json);
        return value->size > 0;
    }
    curricle_json rest, name;
    if (!inside(json, '{', '}', &rest)) return false;
    while (take(&rest, ':', &name) && take(&rest, ',', value)) {
        if (is_key(name, key)) return true;
    }
    return false;
}

static curricle_ok expected(curricle_json found, const char *key, const char *what) {
    size_t shown = found.size;
    const char *more = "";
    if (shown > 40) {
        /* Not within a character. */
        for (shown = 40; shown && ((unsigned char)found.text[shown] & 0xc0) == 0x80; shown--) {}
        more = "…";
    }
    return curricle_refuse_config("%s%s%s: found %.*s%s, but %s is needed", key ? "`" : "", key ? key : "an element", key ? "`" : "", (int)shown,
                                  found.text, more, what);
}

static curricle_ok required(curricle_json json, const char *key, curricle_json *value) {
    if (find(json, key, value)) return true;
    return curricle_refuse_config("`%s` is missing", key ? key : "value");
}

/* ---- What `curricle.h` declares --------------------------------------------------------------------------------------------------- */

bool curricle_config_has(curricle_json object, const char *key) {
    curricle_json value;
    return find(object, key, &value) && !(value.size == 4 && memcmp(value.text, "null", 4) == 0);
}

/* A number ends with a zero for `strtod`; what is longer than any number that JSON's writers write is none. */
static bool parse(curricle_json json, double *value) {
    char text[64], *end;
    if (json.size == 0 || json.size >= sizeof text || strchr("-0123456789", json.text[0]) == NULL) return false;
    memcpy(text, json.text, json.size);
    text[json.size] = 0;
    *value = strtod(text, &end);
    return end == text + json.size && *value - *value == 0;
}

curricle_ok curricle_config_number(curricle_json json, const char *key, double *value) {
    curricle_json found;
    return required(json, key, &found) && (parse(found, value) || expected(found, key, "a number"));
}

curricle_ok curricle_config_whole(curricle_json json, const char *key, uint64_t *value) {
    curricle_json found;
    if (!required(json, key, &found)) return false;
    uint64_t whole = 0;
    size_t i = 0;
    for (; i < found.size && found.text[i] >= '0' && found.text[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(found.text[i] - '0');
        if (whole > (UINT64_MAX - digit) / 10) break;
        whole = whole * 10 + digit;
    }
    double number;
    if (i < found.size || i == 0) {
        /* 1e3 and 5.0 are whole numbers too, as far as a double counts. */
        if (!parse(found, &number) || number < 0 || number > 9007199254740992.0 || number != (double)(uint64_t)number) {
            return expected(found, key, "a whole number from 0");
        }
        whole = (uint64_t)number;
    }
    *value = whole;
    return true;
}

curricle_ok curricle_config_flag(curricle_json json, const char *key, bool *value) {
    curricle_json found;
    if (!required(json, key, &found)) return false;
    bool yes = found.size == 4 && memcmp(found.text, "true", 4) == 0;
    if (!yes && !(found.size == 5 && memcmp(found.text, "false", 5) == 0)) return expected(found, key, "true or false");
    *value = yes;
    return true;
}

curricle_ok curricle_config_text(curricle_json json, const char *key, char *value, size_t room) {
    curricle_json found;
    if (!required(json, key, &found)) return false;
    if (!is_string(found)) return expected(found, key, "a string");
    return unescape(found, value, room) || expected(found, key, "a shorter string");
}

curricle_ok curricle_config_list(curricle_json json, const char *key, curricle_json *list) {
    curricle_json found;
    return required(json, key, &found) && (inside(found, '[', ']', list) || expected(found, key, "a list"));
}

curricle_ok curricle_config_object(curricle_json json, const char *key, curricle_json *object) {
    curricle_json found, ignored;
    if (!required(json, key, &found)) return false;
    if (!inside(found, '{', '}', &ignored)) return expected(found, key, "a table");
    *object = found;
    return true;
}

bool curricle_config_next(curricle_json *list, curricle_json *element) {
    return take(list, ',', element);
}

bool curricle_config_next_key(curricle_json *object, char *key, size_t room, curricle_json *value) {
    curricle_json rest, name;
    /* At first it is an object; then what is left of its inside. */
    if (!inside(*object, '{', '}', &rest)) rest = *object;
    if (!take(&rest, ':', &name) || !is_string(name) || !take(&rest, ',', value)) return false;
    unescape(name, key, room);
    *object = rest;
    return true;
}

/* Curricle plugins in C and C++.
 *
 * You define the functions whose names begin with `plugin_`, those of your kind of plugin; Curricle defines the rest, whose names begin with
 * `curricle_`. `curricle build` says which kind yours is (CURRICLE_POLICY, …), compiles this library into it, and answers `describe` from
 * `curricle.toml`. What the functions mean is written in full in the contract, the files of `wit/`.
 *
 * Strings are UTF-8 and end with a zero. What you are given is valid until you return; what you hand over is copied. There is no clock, no
 * file and no randomness. What you print goes to the log, as from `curricle_log`; an `assert` that fails says so there and ends the plugin.
 */
#ifndef CURRICLE_H
#define CURRICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CURRICLE_PRINTF(text, rest) __attribute__((format(printf, text, rest)))
#else
#define CURRICLE_PRINTF(text, rest)
#endif

/* ---- Answers ---------------------------------------------------------------------------------------------------------------------- */

/* Whether a call did what it was asked to do. If not, the reason is kept, and becomes yours when you return false:
 * `return curricle_annotate("share", share) && curricle_draw(stream, curricle_size());` */
typedef bool curricle_ok;

/* Refuse, with one sentence without a full stop, written as for `printf`; all give false. */
curricle_ok curricle_refuse_config(const char *format, ...) CURRICLE_PRINTF(1, 2); /* The configuration is wrong. Name the key. */
curricle_ok curricle_refuse_data(const char *format, ...) CURRICLE_PRINTF(1, 2);   /* The dataset lacks what is needed. */
curricle_ok curricle_refuse_state(const char *format, ...) CURRICLE_PRINTF(1, 2);  /* A saved state does not fit. */
curricle_ok curricle_exhausted(void);                                              /* Nothing is left to give: training ends, cleanly. */

typedef enum { CURRICLE_DEBUG, CURRICLE_INFO, CURRICLE_WARN, CURRICLE_ERROR } curricle_level;

/* Speaks to a person. At most 1 KiB a line and 64 lines a call are kept. Here and in refusals what is no UTF-8 becomes `?`. */
void curricle_log(curricle_level level, const char *format, ...) CURRICLE_PRINTF(2, 3);

/* Bytes that grow: what you save, or hand over of a pass. */
typedef struct curricle_bytes {
    uint8_t *data;
    size_t size;
} curricle_bytes;

/* Adds a copy of so many bytes at the end. */
void curricle_write(curricle_bytes *bytes, const void *data, size_t size);

/* ---- Configuration ---------------------------------------------------------------------------------------------------------------- */

/* A JSON value: the whole configuration, or one inside it. The host has checked it against your schema, if you have one. */
typedef struct curricle_json {
    const char *text;
    size_t size;
} curricle_json;

/* Whether an object has this key, with another value than null. */
bool curricle_config_has(curricle_json object, const char *key);

/* Reads the value of a key; with NULL as the key, `json` itself is the value. What is missing, or of another type, is refused. */
curricle_ok curricle_config_number(curricle_json json, const char *key, double *value);
curricle_ok curricle_config_whole(curricle_json json, const char *key, uint64_t *value); /* a whole number from 0 */
curricle_ok curricle_config_flag(curricle_json json, const char *key, bool *value);
curricle_ok curricle_config_text(curricle_json json, const char *key, char *value, size_t room); /* of `room` bytes, one for the zero */
curricle_ok curricle_config_list(curricle_json json, const char *key, curricle_json *list);
curricle_ok curricle_config_object(curricle_json json, const char *key, curricle_json *object);

/* Takes the first element off a list or, with its key, off an object. False when none is left; a key is cut to `room` bytes. */
bool curricle_config_next(curricle_json *list, curricle_json *element);
bool curricle_config_next_key(curricle_json *object, char *key, size_t room, curricle_json *value);

/* ---- Policies --------------------------------------------------------------------------------------------------------------------- */

#ifdef CURRICLE_POLICY

/* Where training stands, counted from its start. */
typedef struct curricle_step {
    uint64_t index;            /* of the global batch */
    uint64_t consumed_samples; /* in those before it */
    uint64_t consumed_tokens;  /* in those before it, after truncation; 0 where the run file does not count them */
} curricle_step;

/* Called once, before the first step: opens the streams that you know you will draw from. */
curricle_ok plugin_configure(curricle_json config);
/* Fills the plan of one global batch: what it draws and appends must come to `curricle_size()` samples. */
curricle_ok plugin_fill(curricle_step step);

#ifdef CURRICLE_STATEFUL
/* Writes what you remember beyond the positions of your streams. Called between steps; changes nothing. */
void plugin_save(curricle_bytes *state);
/* Takes up what was saved, after `plugin_configure`. */
curricle_ok plugin_restore(const uint8_t *state, size_t size);
#endif

/* One condition on one column. */
typedef struct curricle_condition {
    enum { CURRICLE_BETWEEN, CURRICLE_QUANTILES, CURRICLE_CATEGORY } kind;
    const char *column;
    double from, to;
    const uint32_t *codes;
    size_t count;
} curricle_condition;

/* above < value ≤ at_most; an infinite side is open. */
curricle_condition curricle_between(const char *column, double above, double at_most);
/* The part of the column's ascending order from one fraction up to, but without, another; 0 ≤ from ≤ to ≤ 1. */
curricle_condition curricle_quantiles(const char *column, double from, double to);
/* The samples whose category is one of `count` codes. */
curricle_condition curricle_category(const char *column, const uint32_t *codes, size_t count);

/* How a stream runs through its samples. `column` matters to CURRICLE_ASCENDING alone. */
typedef struct curricle_order {
    enum { CURRICLE_SHUFFLED, CURRICLE_INDEPENDENT, CURRICLE_SEQUENTIAL, CURRICLE_ASCENDING } kind;
    const char *column;
} curricle_order;

/* Number of an open stream; names are what lasts. */
typedef uint32_t curricle_stream;

/* Opens the endless stream, in a random order that is new each epoch, of the samples that meet all `count` conditions. Opening a name again goes
 * on where it stood. */
curricle_ok curricle_open(const char *name, const curricle_condition *conditions, size_t count, curricle_stream *stream);
/* The same in another order. */
curricle_ok curricle_open_ordered(
    const char *name, const curricle_condition *conditions, size_t count, curricle_order order, curricle_stream *stream
);
uint64_t curricle_length(curricle_stream stream);   /* samples in one of its epochs */
uint64_t curricle_position(curricle_stream stream); /* samples drawn from it so far */
/* Draws `count` samples into `ids`, for you to look at before you append some. They count as drawn. Only in `plugin_fill`. */
void curricle_take(curricle_stream stream, uint32_t count, uint64_t *ids);

uint32_t curricle_size(void);                                                                               /* samples asked for */
curricle_ok curricle_draw(curricle_stream stream, uint32_t count);                                          /* adds the next of a stream */
curricle_ok curricle_draw_from(const curricle_stream *streams, const uint32_t *counts, size_t how_many);    /* of several, in one call */
curricle_ok curricle_append(const uint64_t *ids, size_t count);                                             /* adds these samples */
void curricle_truncate(uint32_t tokens);                                                                    /* cuts all to their first */
curricle_ok curricle_annotate(const char *name, double value);                                              /* for the trainer to read */
void curricle_ordered(void);                                                                                /* not shuffled by the host */
/* Difficulty of `[pacing.NAME]` of the run file at a step. */
curricle_ok curricle_difficulty(const char *pacing, uint64_t step, double *value);

/* A column without its values. Of a category, `max` is the number of categories less 1. */
typedef struct curricle_column {
    const char *name;
    bool is_category;
    double min, max;
} curricle_column;

/* A category, and how many samples are of it. */
typedef struct curricle_named {
    const char *name;
    uint64_t samples;
} curricle_named;

uint64_t curricle_samples(void);                  /* in the dataset */
size_t curricle_columns(curricle_column **columns); /* how many there are; free(*columns) frees all */
curricle_ok curricle_categories(const char *column, curricle_named **categories, size_t *count); /* by code; free(*categories) */
curricle_ok curricle_values(const char *column, const uint64_t *ids, size_t count, double *values);
curricle_ok curricle_quantile(const char *column, double q, double *value);
curricle_ok curricle_count(const curricle_condition *conditions, size_t count, uint64_t *samples);

#endif

/* ---- Metrics ---------------------------------------------------------------------------------------------------------------------- */

#ifdef CURRICLE_METRIC

/* What an instance asks of the host. It is { 0, true, true } unless you change it. */
typedef struct curricle_needs {
    uint32_t passes; /* of `plugin_accumulate` over the whole dataset, before `plugin_measure` */
    bool tokens;     /* whether it reads tokens at all */
    bool values;     /* whether samples have values */
} curricle_needs;

/* Consecutive samples laid end to end: sample i is the tokens offsets[i] up to, but without, offsets[i + 1]. */
typedef struct curricle_samples {
    uint64_t first; /* id of the first */
    uint32_t count;
    uint8_t width; /* bytes of a token: 1, 2 or 4 */
    const void *tokens; /* uint8_t, uint16_t or uint32_t */
    const uint32_t *offsets;
} curricle_samples;

/* Token `i` of all, whatever their width. */
static inline uint32_t curricle_token(const curricle_samples *samples, size_t i) {
    switch (samples->width) {
        case 1: return ((const uint8_t *)samples->tokens)[i];
        case 2: return ((const uint16_t *)samples->tokens)[i];
        default: return ((const uint32_t *)samples->tokens)[i];
    }
}

/* Room for the values of a chunk. Ask for it once, in the type of the column: one number for each sample, to be filled in. */
typedef struct curricle_values curricle_values;
float *curricle_float32(curricle_values *values);
double *curricle_float64(curricle_values *values);
uint32_t *curricle_uint32(curricle_values *values);
uint64_t *curricle_uint64(curricle_values *values);

/* Numbers that grow. */
typedef struct curricle_numbers {
    double *data;
    size_t count;
} curricle_numbers;

void curricle_push(curricle_numbers *numbers, double value);

/* Called once per instance. Left out, any configuration will do. */
curricle_ok plugin_configure(curricle_json config, curricle_needs *needs);
/* The values of a chunk; may not depend on other chunks. */
curricle_ok plugin_measure(const curricle_samples *samples, curricle_values *values);

/* Those of metrics with passes; leave out what you do not need. One chunk of a pass; what was accumulated since the last time, which empties
 * it; several of these joined, in order; the whole of a pass; numbers about the dataset. */
curricle_ok plugin_accumulate(uint32_t pass, const curricle_samples *samples);
void plugin_partial(uint32_t pass, curricle_bytes *partial);
curricle_ok plugin_merge(uint32_t pass, const curricle_bytes *partials, size_t count, curricle_bytes *merged);
curricle_ok plugin_finish(uint32_t pass, const uint8_t *merged, size_t size);
void plugin_totals(curricle_numbers *totals);

#endif

/* ---- Pacing functions ------------------------------------------------------------------------------------------------------------- */

#ifdef CURRICLE_PACING

curricle_ok plugin_configure(curricle_json config);
/* A finite number, the same for the same step however often it is asked. */
double plugin_difficulty(uint64_t step);

#endif

/* ---- Packers ---------------------------------------------------------------------------------------------------------------------- */

#ifdef CURRICLE_PACKER

curricle_ok plugin_configure(curricle_json config);
/* Writes the bin of each of `count` samples, numbered from 0 without gaps; a bin holds at most `capacity` tokens and `max_samples` samples,
 * which is UINT32_MAX where there is no bound. */
curricle_ok plugin_pack(const uint32_t *lengths, size_t count, uint32_t capacity, uint32_t max_samples, uint32_t *bins);

#endif

#ifdef __cplusplus
}
#endif

#endif

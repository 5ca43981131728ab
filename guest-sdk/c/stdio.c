/* What is printed goes to the log, a line at a time. There are no other files: weak, so that a plugin that asks for some links all the same, and
 * finds none. */
#include "glue.h"
#include "curricle_utf8.h"

#include <string.h>
#include <wasi/api.h>

static char line[1024];
static size_t length;

/* Logs the line, but for so many bytes at its end, which begin the next one. */
static void flush(size_t rest) {
    size_t told = length - rest;
    if (told) curricle_log(CURRICLE_INFO, "%.*s", (int)told, line);
    memmove(line, line + told, rest);
    length = rest;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_write(
    __wasi_fd_t fd, const __wasi_ciovec_t *pieces, size_t count, __wasi_size_t *written
) {
    (void)fd;
    *written = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < pieces[i].buf_len; j++) {
            char c = (char)pieces[i].buf[j];
            if (c == '\n') {
                flush(0);
                continue;
            }
            /* A line that is too long is cut between two characters. */
            if (length == sizeof line) flush(curricle_utf8_begun((const uint8_t *)line, length));
            line[length++] = c;
        }
        *written += pieces[i].buf_len;
    }
    return 0;
}

/* A terminal, for which the library keeps no more than a line back. */
__attribute__((weak)) __wasi_errno_t __wasi_fd_fdstat_get(__wasi_fd_t fd, __wasi_fdstat_t *stat) {
    if (fd > 2) return __WASI_ERRNO_BADF;
    memset(stat, 0, sizeof *stat);
    stat->fs_filetype = __WASI_FILETYPE_CHARACTER_DEVICE;
    return 0;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_seek(
    __wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *place
) {
    (void)fd, (void)offset, (void)whence, (void)place;
    return __WASI_ERRNO_SPIPE;
}

__attribute__((weak)) __wasi_errno_t __wasi_fd_close(__wasi_fd_t fd) {
    (void)fd;
    return 0;
}

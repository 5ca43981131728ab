// The C++ library's ends, without the standard error that nobody reads: the reason goes to the log, and the plugin ends.
#include "curricle.h"

#include <cstdarg>
#include <cstdio>

#include <__config>

namespace {
[[noreturn]] void end(const char *format, va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    curricle_log(CURRICLE_ERROR, "%s", text);
    __builtin_trap();
}
}

#if _LIBCPP_VERSION >= 200000
#define CURRICLE_NOEXCEPT noexcept
#else
#define CURRICLE_NOEXCEPT
#endif

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char *format, ...) CURRICLE_NOEXCEPT {
    va_list arguments;
    va_start(arguments, format);
    end(format, arguments);
}
_LIBCPP_END_NAMESPACE_STD

extern "C" [[noreturn]] void abort_message(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end(format, arguments);
}

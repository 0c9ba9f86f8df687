/* SPDX-License-Identifier: MIT */
#include "capture/camera/stream_ffmpeg.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What may be reached and understood for each scheme. There is no "file" among the protocols, so a
 * playlist that a server sends cannot have us read from this machine. Streams without times (MJPEG
 * over HTTP, bare H.264) are not among the formats: how old their pictures are cannot be told. */
struct scheme {
    const char *prefix;
    const char *protocols;
    const char *formats;
    const char *options; /* of the input, as lines of the list */
};

#define RTSP_FORMATS "concat,rtsp,sdp,rtp"
#define HTTP_FORMATS "concat,hls,mpegts,mov,matroska,webm,flv,live_flv,aac,webvtt"
/* Not so long as ffmpeg likes to look at a stream first, for its frame rate above all (us). TCP
 * first, because UDP loses parts of pictures; no audio. */
#define QUICK_OPTIONS "option fpsprobesize 0\noption analyzeduration 500000\n"
#define RTSP_OPTIONS                                                                               \
    QUICK_OPTIONS "option rtsp_flags prefer_tcp\noption allowed_media_types video\n"

static const struct scheme schemes[] = {
    {"rtsp://", "pipe,rtsp,rtp,tcp,udp", RTSP_FORMATS, RTSP_OPTIONS},
    {"rtsps://", "pipe,rtsp,rtp,tcp,udp,tls", RTSP_FORMATS, RTSP_OPTIONS},
    {"rtmp://", "pipe,rtmp,tcp", "concat,flv,live_flv", QUICK_OPTIONS},
    {"rtmps://", "pipe,rtmps,rtmp,tls,tcp", "concat,flv,live_flv", QUICK_OPTIONS},
    {"http://", "pipe,http,tcp,crypto", HTTP_FORMATS, QUICK_OPTIONS},
    {"https://", "pipe,https,http,tls,tcp,crypto", HTTP_FORMATS, QUICK_OPTIONS},
};

/* Found from top to bottom: the more telling words first. */
static const struct program_advice advice[] = {
    {"401 Unauthorized", -EACCES, "the camera refuses the login; check user and password"},
    {"403 Forbidden", -EACCES, "the camera forbids it; has this user the right to view?"},
    {"404 Not Found", -ENOENT,
     "there is no stream at this path of url; the manual of the camera or its ONVIF page names it"},
    {"454 Session", -EIO, "the camera lost our session; it is tried again"},
    {"453 Not Enough", -EBUSY, "the camera has no room for another viewer; close one"},
    {"503 Service", -EBUSY, "the camera is busy; has it no room for another viewer?"},
    {"461 ", -EPROTONOSUPPORT, "the camera sends its stream neither over TCP nor over UDP"},
    {"not on whitelist", -EPROTOTYPE,
     "is no stream with times in it; an MJPEG camera is kind = \"mjpeg\", a still picture "
     "kind = \"http\""},
    {"Connection refused", -ECONNREFUSED,
     "nothing answers at this address; check host and port of url, and that the camera is on"},
    {"Failed to resolve hostname", -EHOSTUNREACH,
     "the host of url is not known here; check its name, or use its address"},
    {"No route to host", -EHOSTUNREACH, "the camera cannot be reached; is it on, on this network?"},
    {"Network is unreachable", -ENETUNREACH,
     "this machine has no way to the network of the camera"},
    {"Connection timed out", -ETIMEDOUT, "the camera does not answer; is it on, on this network?"},
    {"Connection reset by peer", -ECONNRESET, "the camera hung up"},
    {"Protocol not found", -ENOTSUP, "this ffmpeg cannot read this kind of url"},
    {"Unrecognized option", -ENOTSUP, "this ffmpeg is too old; 5.1 or later is needed"},
    {"Unknown encoder", -ENOTSUP, "this ffmpeg cannot write JPEG; install the one of your system"},
    {"not a suitable output format", -ENOTSUP,
     "this ffmpeg cannot write SMJPEG; install the one of your system"},
    {"matches no streams", -EPROTOTYPE, "there is no video in this stream"},
    {"Invalid data found", -EBADMSG,
     "what the camera sends is no video that ffmpeg understands; check url"},
    {NULL, 0, NULL},
};

/* --- the address --- */

static const struct scheme *scheme_of(const char *url)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_starts_with(url, schemes[i].prefix))
            return &schemes[i];
    return NULL;
}

static bool is_plain(const char *url)
{
    for (const unsigned char *at = (const unsigned char *)url; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || strchr("'\"\\", *at))
            return false;
    return true;
}

/* The address is not quoted: it may hold a password. */
int stream_ffmpeg_check_url(const char *url, struct error *err)
{
    const struct scheme *scheme = scheme_of(url);
    const char *authority;
    size_t host_len;

    if (!scheme)
        return error_set(err, -EINVAL,
                         "url must begin with rtsp://, rtsps://, rtmp://, rtmps://, http:// or "
                         "https:// (HLS)");
    if (!is_plain(url))
        return error_set(err, -EINVAL,
                         "url holds a space, a quote, a backslash or a letter that is not ASCII; "
                         "write it as %%20 and the like");
    authority = url + strlen(scheme->prefix);
    host_len = strcspn(authority, "/?#");
    if (host_len == 0 || authority[host_len - 1] == '@' || *authority == ':')
        return error_set(err, -EINVAL, "url names no host");
    return 0;
}

/* --- what it is told --- */

/* Of an address that the check above has let pass. */
static const struct scheme *checked_scheme(const char *url)
{
    const struct scheme *scheme = scheme_of(url);

    if (!scheme)
        abort();
    return scheme;
}

/* The address with the login in it: ffmpeg has no other place for one. */
static char *add_login(const struct camera_settings *settings)
{
    size_t scheme_len = strlen(checked_scheme(settings->url)->prefix);
    CLEANUP(free_p) char *user = NULL;
    CLEANUP(free_p) char *password = NULL;

    if (!settings->user)
        return xstrdup(settings->url);
    user = http_escape(settings->user);
    password = http_escape(settings->password ? settings->password : "");
    return xasprintf("%.*s%s:%s@%s", (int)scheme_len, settings->url, user, password,
                     settings->url + scheme_len);
}

char *stream_ffmpeg_make_list(const struct camera_settings *settings)
{
    CLEANUP(free_p) char *url = add_login(settings);

    return xasprintf("ffconcat version 1.0\nfile '%s'\n%s", url,
                     checked_scheme(settings->url)->options);
}

static void add_words(struct program_args *args, const char *const *words)
{
    for (; *words; words++)
        program_args_add(args, "%s", *words);
}

void stream_ffmpeg_make_args(const struct camera_settings *settings, bool all_frames,
                             struct program_args *ret_args)
{
    const struct scheme *scheme = scheme_of(settings->url);

    add_words(ret_args, (const char *const[]){settings->program ? settings->program : "ffmpeg",
                                              "-hide_banner", "-nostdin", "-loglevel", "error",
                                              "-protocol_whitelist", scheme->protocols,
                                              "-format_whitelist", scheme->formats, NULL});
    if (!all_frames)
        add_words(ret_args, (const char *const[]){"-skip_frame", "nokey", NULL});
    /* One thread each for decoder and encoder: several would keep as many frames back until the
     * next ones come, as would a decoder that waits for frames that belong in between (low_delay).
     * max_pixels: a stream can say that its pictures are of any size. */
    add_words(ret_args, (const char *const[]){"-threads", "1", "-flags", "low_delay-output_corrupt",
                                              "-max_pixels", "67108864", "-probesize", "32",
                                              "-analyzeduration", "0", "-safe", "0", "-f", "concat",
                                              "-i", "pipe:0", "-map", "0:v:0", NULL});
    /* Not the filter fps, which holds each frame until the next has come. */
    program_args_add(ret_args, "-vf");
    program_args_add(ret_args,
                     "select='isnan(prev_selected_t)+gte(t-prev_selected_t,%.3f)',"
                     "scale=out_range=full,format=yuvj420p",
                     1.0 / STREAM_FFMPEG_FPS - 0.005);
    add_words(ret_args, (const char *const[]){"-fps_mode", "passthrough", "-c:v", "mjpeg",
                                              "-threads", "1", "-q:v", "2", "-flush_packets", "1",
                                              "-f", "smjpeg", "pipe:1", NULL});
}

/* --- what it says --- */

/* Each address in the text, without its login. */
static char *redact(const char *text)
{
    char *copy = xstrdup(text), *word;

    for (char *at = copy; (word = strstr(at, "://")); at = word + 1) {
        size_t len = strcspn(word + 3, " /?#'");
        char *host = memrchr(word + 3, '@', len);

        if (host)
            memmove(word + 3, host + 1, strlen(host + 1) + 1);
    }
    return copy;
}

void stream_ffmpeg_explain(const struct camera_settings *settings,
                           const struct process_result *result, struct error *err)
{
    const struct program_advice *found = program_advice_find(advice, result->stderr_tail);
    const char *name = settings->program ? settings->program : "ffmpeg";
    CLEANUP(free_p) char *told = redact(result->stderr_tail);
    char how[64], words[PROGRAM_WORDS_MAX];

    program_last_words(told, words);
    process_describe(result, how, sizeof(how));
    if (found)
        error_set(err, found->code, "%s", found->text);
    else if (result->exit_code == 0)
        error_set(err, -ECONNRESET, "the camera ended the stream");
    else
        error_set(err, -EIO, "%s: %s%s%s", name, how, *words ? ": " : "", words);
}

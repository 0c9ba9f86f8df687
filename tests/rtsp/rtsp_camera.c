/* SPDX-License-Identifier: MIT */
/* rtsp_camera: an RTSP camera with the simulator's marker in its pictures.
 *
 *   rtsp-camera [--port 0] [--size 640x480] [--fps 20] [--gop 10] [--login user:password]
 *
 * Each frame carries its number and the time since the start at which it was drawn; the first line
 * of output, "<port> <start>", gives that start in us of the clock that lapsed uses, so a reader
 * knows to the ms when what it sees was there. Every viewer gets an encoder of its own, as from a
 * camera that serves one. /cam is H.264, /audio has sound beside it, /mjpeg is Motion JPEG,
 * /udp H.264 that comes over UDP only. With --login nobody else may view. */
#include "agent/base/clock.h"
#include "agent/base/str.h"
#include "tests/sim/marker.h"

#include <gst/app/gstappsrc.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct camera {
    int width, height;
    int64_t fps, gop;
    const char *port, *login;
    int64_t started_at_us;
};

/* What draws for one viewer. */
struct easel {
    const struct camera *camera;
    GstAppSrc *source;
    guint timeout;
    uint32_t frame;
};

/* --- drawing --- */

static void draw(const struct camera *camera, uint32_t frame, uint8_t *luma)
{
    size_t pixels = (size_t)camera->width * (size_t)camera->height;
    const struct marker marker = {
        .frame = frame,
        .time_ms = (uint32_t)((clock_mono_us() - camera->started_at_us) / 1000),
    };

    /* White below, so that a test sees whether white comes out white; something that moves. */
    memset(luma, 235, pixels);
    for (int row = 0; row < camera->height / 2; row++)
        for (int column = 0; column < camera->width; column++)
            luma[row * camera->width + column] =
                (uint8_t)(16 + (column + row + (int)(frame * 3)) % 200);
    memset(luma + pixels, 128, pixels / 2);
    marker_draw(luma, camera->width, camera->height, camera->width, &marker);
}

/* The stream's time, GST_CLOCK_TIME_NONE: it does not run yet. */
static GstClockTime now_of(GstAppSrc *source)
{
    GstClock *clock = gst_element_get_clock(GST_ELEMENT(source));
    GstClockTime now;

    if (!clock)
        return GST_CLOCK_TIME_NONE;
    now = gst_clock_get_time(clock) - gst_element_get_base_time(GST_ELEMENT(source));
    gst_object_unref(clock);
    return now;
}

/* The stream's time is taken before the marker's: whatever stops us in between, a picture never
 * claims to be younger than it is. */
static gboolean on_frame(gpointer user)
{
    struct easel *easel = user;
    const struct camera *camera = easel->camera;
    gsize size = (gsize)camera->width * (gsize)camera->height * 3 / 2;
    GstClockTime now = now_of(easel->source);
    GstBuffer *buffer;
    guint8 *pixels;

    if (now == GST_CLOCK_TIME_NONE)
        return G_SOURCE_CONTINUE;
    pixels = g_malloc(size);
    draw(camera, ++easel->frame, pixels);
    buffer = gst_buffer_new_wrapped(pixels, size);
    GST_BUFFER_PTS(buffer) = now;
    gst_app_src_push_buffer(easel->source, buffer); /* an error is the end of the viewer */
    return G_SOURCE_CONTINUE;
}

/* --- viewers --- */

static gboolean put_away(gpointer user)
{
    struct easel *easel = user;

    g_source_remove(easel->timeout);
    gst_object_unref(easel->source);
    g_free(easel);
    return G_SOURCE_REMOVE;
}

/* Called by the thread of the viewer, while the main one may be drawing. */
static void on_media_gone(gpointer user, GObject *media)
{
    (void)media;
    g_idle_add(put_away, user);
}

static void on_media(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer user)
{
    struct easel *easel = g_new0(struct easel, 1);
    GstElement *element = gst_rtsp_media_get_element(media);
    GstCaps *caps;

    (void)factory;
    easel->camera = user;
    easel->source = GST_APP_SRC(gst_bin_get_by_name_recurse_up(GST_BIN(element), "source"));
    caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT,
                               easel->camera->width, "height", G_TYPE_INT, easel->camera->height,
                               "framerate", GST_TYPE_FRACTION, (int)easel->camera->fps, 1, NULL);
    gst_app_src_set_caps(easel->source, caps);
    gst_caps_unref(caps);
    gst_object_unref(element);
    easel->timeout = g_timeout_add((guint)(1000 / easel->camera->fps), on_frame, easel);
    g_object_weak_ref(G_OBJECT(media), on_media_gone, easel);
}

#define SOURCE "( appsrc name=source is-live=true format=time ! videoconvert ! "
#define H264                                                                                       \
    "x264enc tune=zerolatency sliced-threads=false threads=1 speed-preset=ultrafast bitrate=4000 " \
    "key-int-max=%lld ! "                                                                          \
    "rtph264pay name=pay0 pt=96 config-interval=-1 "
#define SOUND                                                                                      \
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! "                   \
    "rtppcmupay name=pay1 pt=0 "

static void add_path(GstRTSPServer *server, struct camera *camera, const char *path,
                     const char *pipeline, GstRTSPLowerTrans transports)
{
    GstRTSPMountPoints *paths = gst_rtsp_server_get_mount_points(server);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    char *launch = g_strdup_printf("%s)", pipeline);

    gst_rtsp_media_factory_set_launch(factory, launch);
    gst_rtsp_media_factory_add_role(factory, "viewer", GST_RTSP_PERM_MEDIA_FACTORY_ACCESS,
                                    G_TYPE_BOOLEAN, TRUE, GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
                                    G_TYPE_BOOLEAN, TRUE, NULL);
    gst_rtsp_media_factory_set_protocols(factory, transports);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_media), camera);
    gst_rtsp_mount_points_add_factory(paths, path, factory);
    g_object_unref(paths);
    g_free(launch);
}

static void add_paths(GstRTSPServer *server, struct camera *camera)
{
    char *video = g_strdup_printf(SOURCE H264, (long long)camera->gop);
    char *both = g_strdup_printf("%s" SOUND, video);

    add_path(server, camera, "/cam", video, GST_RTSP_LOWER_TRANS_TCP);
    add_path(server, camera, "/udp", video, GST_RTSP_LOWER_TRANS_UDP);
    add_path(server, camera, "/audio", both, GST_RTSP_LOWER_TRANS_TCP);
    add_path(server, camera, "/mjpeg", SOURCE "jpegenc ! rtpjpegpay name=pay0 pt=26 ",
             GST_RTSP_LOWER_TRANS_TCP);
    g_free(video);
    g_free(both);
}

static void require_login(GstRTSPServer *server, const char *login)
{
    GstRTSPAuth *auth = gst_rtsp_auth_new();
    GstRTSPToken *viewer =
        gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, "viewer", NULL);
    char **words = g_strsplit(login, ":", 2);

    gst_rtsp_auth_set_supported_methods(auth, GST_RTSP_AUTH_DIGEST);
    gst_rtsp_auth_add_digest(auth, words[0], words[1], viewer);
    gst_rtsp_server_set_auth(server, auth);
    g_strfreev(words);
    gst_rtsp_token_unref(viewer);
    g_object_unref(auth);
}

/* --- the program --- */

/* What a pipeline lacks would only be seen when somebody views it. */
static void require_element(const char *name, const char *package)
{
    GstElementFactory *factory = gst_element_factory_find(name);

    if (!factory) {
        fprintf(stderr, "rtsp-camera: GStreamer has no %s; install the package %s\n", name,
                package);
        exit(69);
    }
    gst_object_unref(factory);
}

static void require_elements(void)
{
    require_element("videoconvert", "gstreamer1.0-plugins-base");
    require_element("rtph264pay", "gstreamer1.0-plugins-good");
    require_element("x264enc", "gstreamer1.0-plugins-ugly");
}

static void usage(void) __attribute__((noreturn));
static void usage(void)
{
    fprintf(
        stderr,
        "Usage: rtsp-camera [--port N] [--size WxH] [--fps N] [--gop N] [--login USER:PASSWORD]\n");
    exit(64);
}

static void set_option(struct camera *camera, const char *name, const char *value)
{
    int rc = 0;

    if (str_equal(name, "--size"))
        rc = sscanf(value, "%dx%d", &camera->width, &camera->height) == 2 ? 0 : -1;
    else if (str_equal(name, "--fps"))
        rc = str_to_int(value, &camera->fps);
    else if (str_equal(name, "--gop"))
        rc = str_to_int(value, &camera->gop);
    else if (str_equal(name, "--port"))
        camera->port = value;
    else if (str_equal(name, "--login") && strchr(value, ':'))
        camera->login = value;
    else
        rc = -1;
    if (rc < 0)
        usage();
}

int main(int argc, char **argv)
{
    struct camera camera = {.port = "0", .width = 640, .height = 480, .fps = 20, .gop = 10};
    GstRTSPServer *server;

    for (int i = 1; i < argc; i += 2)
        set_option(&camera, argv[i], i + 1 < argc ? argv[i + 1] : "");
    camera.started_at_us = clock_mono_us();
    gst_init(NULL, NULL);
    require_elements();
    server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, camera.port);
    add_paths(server, &camera);
    if (camera.login)
        require_login(server, camera.login);
    if (gst_rtsp_server_attach(server, NULL) == 0) {
        fprintf(stderr, "rtsp-camera: cannot listen\n");
        return 1;
    }
    printf("%d %lld\n", gst_rtsp_server_get_bound_port(server), (long long)camera.started_at_us);
    fflush(stdout);
    g_main_loop_run(g_main_loop_new(NULL, FALSE));
    return 0;
}

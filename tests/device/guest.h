/* SPDX-License-Identifier: MIT */
/* guest: the hardware of the virtual machine (README.md), seen and touched from the outside of the
 * code under test. For cmocka: what cannot be done fails the test. */
#ifndef TESTS_DEVICE_GUEST_H
#define TESTS_DEVICE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUEST_LINES = 8 }; /* of /dev/gpiochip0 */

enum guest_line_state {
    GUEST_LINE_FREE, /* nobody has asked for it */
    GUEST_LINE_LOW,
    GUEST_LINE_HIGH,
};

/* What the kernel says of a GPIO line (debugfs): the level on the wire, whatever active_low says.
 */
enum guest_line_state guest_line_state(unsigned line);

/* Sets a control of a camera by its id: vivid's are in guest_vivid_control. Returns 0 or -errno. */
int guest_camera_control(const char *device, uint32_t id, int value);

/* Kernel, drivers/media/test-drivers/vivid/vivid-ctrls.c; the buttons take any value. */
enum guest_vivid_control {
    VIVID_DROPPED_BUFFERS_PERCENT = 0x00f0f040,
    VIVID_DISCONNECT,
    VIVID_BUFFER_ERROR,
    VIVID_REQBUFS_ERROR,
    VIVID_QBUF_ERROR,
    VIVID_STREAMON_ERROR,
    VIVID_FATAL_STREAMING_ERROR,
};

/* Takes vivid's two cameras (one device to the kernel) out, as if their plug were pulled, and puts
 * them back in: the device files go and come. */
void guest_vivid_unplug(void);
void guest_vivid_plug(void);

/* Unloads v4l2loopback (nobody may have its devices open) and loads it with other numbers, as
 * "12,13". */
void guest_loopback_renumber(const char *video_nr);

#endif

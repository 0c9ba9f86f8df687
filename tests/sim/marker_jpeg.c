/* SPDX-License-Identifier: MIT */
#include "tests/sim/marker_jpeg.h"

#include <errno.h>
#include <stdlib.h>
#include <turbojpeg.h>

enum { PIXELS_MAX = 64 * 1000 * 1000 };

static int read_with(tjhandle decoder, const uint8_t *data, size_t len, struct marker *ret_marker)
{
    int width, height, subsampling, colours, rc;
    uint8_t *luma;

    if (tjDecompressHeader3(decoder, data, len, &width, &height, &subsampling, &colours) < 0)
        return -EILSEQ;
    if (width <= 0 || height <= 0 || height > PIXELS_MAX / width)
        return -EILSEQ;
    luma = malloc((size_t)width * (size_t)height);
    if (!luma)
        return -ENOMEM;
    rc = tjDecompress2(decoder, data, len, luma, width, width, height, TJPF_GRAY,
                       TJFLAG_STOPONWARNING);
    rc = rc < 0 ? -EILSEQ : marker_read(luma, width, height, width, ret_marker);
    free(luma);
    return rc;
}

int marker_read_jpeg(const uint8_t *data, size_t len, struct marker *ret_marker)
{
    tjhandle decoder = tjInitDecompress();
    int rc;

    if (!decoder)
        return -ENOMEM;
    rc = read_with(decoder, data, len, ret_marker);
    tjDestroy(decoder);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* lapsectl: the command-line client. It is one more MQTT client: whatever it can do, an automation
 * can do with the same topics. */
#include "agent/ctl/commands.h"
#include "agent/ctl/help.h"
#include "agent/ctl/say.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const struct ctl_options *options)
{
    if (options->own)
        return options->own->run(options, options->words, options->word_count);
    if (options->verb)
        return ctl_verb(options, options->verb, options->words, options->word_count);
    ctl_help_of(NULL, NULL, stderr);
    return CTL_USAGE;
}

/* What could not be written was not said: that is no success. */
static int flush_output(const struct ctl_options *options, int exit_code)
{
    struct stat out;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    if (exit_code != CTL_OK)
        return exit_code;
    if (fstat(STDOUT_FILENO, &out) == 0 && (S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode)))
        return CTL_BROKEN_PIPE;
    return ctl_fail(options, CTL_REFUSED, "the output could not be written; is the disk full?");
}

int main(int argc, char **argv)
{
    struct ctl_options options;
    int exit_code;

    signal(SIGPIPE, SIG_IGN); /* of the broker's socket and of stdout: exit code 141 */
    if (ctl_options_parse(argc, argv, &options, &exit_code))
        exit_code = run(&options);
    exit_code = flush_output(&options, exit_code);
    ctl_options_done(&options);
    return exit_code;
}

/* SPDX-License-Identifier: MIT */
/* lapsectl: the command-line client. It is one more MQTT client: whatever it can do, an automation
 * can do with the same topics. */
#include "agent/ctl_commands.h"
#include "agent/ctl_help.h"

#include "agent/base/str.h"

#include <signal.h>
#include <stdio.h>

static int help(char **words, int word_count)
{
    const char *command = word_count > 0 ? words[0] : NULL;

    if (ctl_help(command, stdout))
        return CTL_OK;
    fprintf(stderr, "lapsectl: there is no command '%s'\nTry 'lapsectl help'.\n", command);
    return CTL_USAGE;
}

static int run(const struct ctl_options *options)
{
    char **words = options->words;
    int count = options->word_count;

    if (count == 0) {
        ctl_help(NULL, stderr);
        return CTL_USAGE;
    }
    if (str_equal(words[0], "help"))
        return help(words + 1, count - 1);
    if (str_equal(words[0], "status"))
        return ctl_status(options, words + 1, count - 1);
    if (str_equal(words[0], "watch"))
        return ctl_watch(options, words + 1, count - 1);
    return ctl_command(options, words, count);
}

int main(int argc, char **argv)
{
    struct ctl_options options;
    int exit_code;

    signal(SIGPIPE, SIG_IGN); /* of the broker's socket; ctl_watch.c looks after that of stdout */
    if (ctl_options_parse(argc, argv, &options, &exit_code))
        exit_code = run(&options);
    ctl_options_done(&options);
    return exit_code;
}

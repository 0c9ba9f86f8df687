/* SPDX-License-Identifier: MIT */
/* ctl_completion: the shells' scripts, and the program that they ask. Names of units, cameras,
 * agents and groups are asked of the broker, for a second at most (or --timeout): a person is
 * waiting. */
#include "agent/ctl/complete.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/say.h"
#include "agent/ctl/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 1000 };

static const char bash_script[] =
    "# lapsectl completion for bash: source it, or put it where bash-completion looks.\n"
    "_lapsectl() {\n"
    "    local line\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        if [ \"$line\" = :files ]; then\n"
    "            while IFS= read -r line; do COMPREPLY+=(\"$line\"); done \\\n"
    "                < <(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
    "        else\n"
    "            COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
    "        fi\n"
    "    done < <(\"${COMP_WORDS[0]}\" complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _lapsectl lapsectl\n";

static const char zsh_script[] =
    "#compdef lapsectl\n"
    "# lapsectl completion for zsh: put it as _lapsectl into a folder of $fpath.\n"
    "_lapsectl() {\n"
    "    local line\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(\"${words[1]}\" complete \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            _files\n"
    "        elif [[ -n $line ]]; then\n"
    "            found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "        fi\n"
    "    done\n"
    "    (( $#found )) && _describe -t words lapsectl found\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _lapsectl ]; then\n"
    "    _lapsectl \"$@\"\n"
    "else\n"
    "    compdef _lapsectl lapsectl\n"
    "fi\n";

static const char fish_script[] =
    "# lapsectl completion for fish: put it as lapsectl.fish into ~/.config/fish/completions.\n"
    "function __lapsectl_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in ($words[1] complete $words[2..-1] 2>/dev/null)\n"
    "        if test \"$line\" = :files\n"
    "            __fish_complete_path (commandline -ct)\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c lapsectl -f -a '(__lapsectl_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {
    {"bash", bash_script},
    {"zsh", zsh_script},
    {"fish", fish_script},
};

void ctl_completion_shells(FILE *out, const char *begin)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (str_starts_with(scripts[i].shell, begin))
            fprintf(out, "%s\t\n", scripts[i].shell);
}

int ctl_completion(const struct ctl_options *options, char **words, int word_count)
{
    for (size_t i = 0; word_count == 1 && i < ARRAY_LEN(scripts); i++)
        if (str_equal(words[0], scripts[i].shell)) {
            fputs(scripts[i].script, stdout);
            return CTL_OK;
        }
    return ctl_fail(options, CTL_USAGE, "usage: completion bash|zsh|fish");
}

/* --- names that only the agents know --- */

static void offer(const struct ctl_completion *completion, const char *word)
{
    if (str_is_id(word) && str_starts_with(word, completion->begin))
        printf("%s\t\n", word);
}

static void offer_list(const struct ctl_completion *completion, const cJSON *list)
{
    for (const cJSON *id = json_first(list); id; id = json_next(id))
        offer(completion, json_string(id));
}

static void on_settled(struct ctl *ctl)
{
    static const char *const lists[] = {
        [CTL_LIVE_UNITS] = "units", [CTL_LIVE_CAMERAS] = "cameras", [CTL_LIVE_GROUPS] = "groups"};
    const struct ctl_completion *completion = ctl->data;
    struct ctl_agent *agent;

    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    {
        if (!agent->announced)
            continue;
        if (completion->live == CTL_LIVE_AGENTS)
            offer(completion, agent->id);
        else
            offer_list(completion, json_get(agent->info, lists[completion->live]));
    }
    ctl_exit(ctl, CTL_OK);
}

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    (void)ctl;
    (void)news;
}

static void on_deadline(struct ctl *ctl)
{
    ctl_exit(ctl, CTL_NO_ANSWER);
}

static void ask(struct ctl_completion *completion)
{
    static const char *const filters[] = {"availability", "info", NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline};
    size_t count = completion->asked_count;
    char **words = xcalloc(count + 2, sizeof(*words));
    struct ctl_options options;
    int exit_code;

    words[0] = xstrdup("lapsectl");
    for (size_t i = 0; i < count; i++)
        words[i + 1] = completion->asked[i];
    if (ctl_options_parse((int)count + 1, words, &options, &exit_code)) {
        options.timeout_ms = options.timeout_ms > 0 ? options.timeout_ms : ASK_TIMEOUT_MS;
        options.quiet = true;
        (void)ctl_run(&options, &task, completion);
    }
    ctl_options_done(&options);
    free(words[0]);
    free(words);
}

int ctl_complete(const struct ctl_options *options, char **words, int word_count)
{
    struct ctl_completion completion;

    (void)options;
    ctl_complete_words(words, (size_t)word_count, stdout, &completion);
    if (completion.files)
        puts(":files");
    if (completion.live != CTL_LIVE_NONE)
        ask(&completion);
    ctl_completion_done(&completion);
    return CTL_OK;
}

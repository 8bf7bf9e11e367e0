/** The shells: how each one asks for completions, and the layout of the answer. */

import type { Candidate } from "./candidates.ts";

/** The word after `ipoib` that asks for completions: `ipoib __complete SHELL ...`. Users do not see it. */
export const ASK = "__complete";

export interface Shell {
  /** The script that a user loads. It completes names of files if the program fails. */
  readonly script: string;
  /** Returns the words of the command line after the name of the program, of which the last may be empty. */
  readonly words: (args: readonly string[]) => readonly string[];
  /** Returns a line of the answer, given the last word as typed and further arguments. */
  readonly line: (candidate: Candidate, args: readonly string[]) => string;
}

/**
 * bash passes $COMP_WORDBREAKS and the line up to the cursor. It replaces only what follows the last of these
 * characters, such as the colon of an IPv6 address.
 */
const bash: Shell = {
  script: `\
# Completion of ipoib for bash.
_ipoib() {
    local program=$1 found
    type -P "$program" >/dev/null || program=ipoib
    COMPREPLY=()
    if found=$("$program" ${ASK} bash "$COMP_WORDBREAKS" \\
            "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null); then
        [ -z "$found" ] || mapfile -t COMPREPLY <<<"$found"
    else
        compopt -o default
    fi
}
complete -F _ipoib ipoib
`,
  words: ([, line = ""]) => wordsOf(line).slice(1),
  line: ({ word }, [breaks = "", line = ""]) => {
    const current = wordsOf(line).at(-1) ?? "";
    const kept = [...current].findLastIndex((each) => breaks.includes(each));
    return word.slice(kept + 1);
  },
};

const zsh: Shell = {
  script: `\
#compdef ipoib
# Completion of ipoib for zsh.
_ipoib() {
    local found
    local -a candidates
    found=$(command "\${(Q)words[1]}" ${ASK} zsh \\
        "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null) || {
        _files
        return
    }
    candidates=("\${(@f)found}")
    [[ -n $found ]] && _describe ipoib candidates
}
if [[ $funcstack[1] == _ipoib ]]; then
    _ipoib "$@"
else
    compdef _ipoib ipoib
fi
`,
  words: (args) => args,
  line: ({ word, text }) => {
    const escaped = word.replaceAll(":", "\\:");
    return text === undefined ? escaped : `${escaped}:${text}`;
  },
};

const fish: Shell = {
  script: `\
# Completion of ipoib for fish.
function __ipoib_complete
    set -l words (commandline -opc) (commandline -ct)
    if set -l found (command $words[1] ${ASK} fish $words[2..] 2>/dev/null)
        string join \\n -- $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c ipoib -f -k -a '(__ipoib_complete)'
`,
  words: (args) => args,
  line: ({ word, text }) => text === undefined ? word : `${word}\t${text}`,
};

export const SHELLS: Readonly<Record<string, Shell>> = { bash, zsh, fish };

/** Splits a command line as a shell does, without expansions. The last word is empty after a space. */
function wordsOf(line: string): string[] {
  const words = [""];
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const each = line[at]!;
    if (quote === "" && /\s/.test(each)) {
      if (words.at(-1) !== "" || line[at - 1] === '"') words.push("");
    } else if (each === quote) quote = "";
    else if (quote === "" && (each === "'" || each === '"')) quote = each;
    else {
      const escaped = each === "\\" && quote !== "'";
      words[words.length - 1] += escaped ? line[++at] ?? "" : each;
    }
  }
  return words;
}

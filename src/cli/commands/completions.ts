/** `ipoib completions SHELL`: prints the script with which a shell completes command lines. */

import { Argument, Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { SHELLS } from "../completion/shells.ts";

const HELP = `
Install the script where the shell finds it, for example as
  bash  /etc/bash_completion.d/ipoib
  zsh   /usr/local/share/zsh/site-functions/_ipoib
  fish  /etc/fish/completions/ipoib.fish`;

export function completions(cli: Cli) {
  return new Command("completions")
    .description("print a script that completes command lines in a shell")
    .addArgument(
      new Argument("<SHELL>", "the shell").choices(Object.keys(SHELLS)),
    )
    .addHelpText("after", HELP)
    .action((shell) => cli.environment.out(SHELLS[shell]!.script));
}

/** `ipoib completions SHELL`: prints the script with which a shell completes command lines. */

import { Argument, Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { SHELLS } from "../completion/shells.ts";

const HELP = `
Load the script where the shell starts, or install it where the shell finds it:
  # ipoib completions bash > /etc/bash_completion.d/ipoib
  # ipoib completions zsh > /usr/local/share/zsh/site-functions/_ipoib
  # ipoib completions fish > /etc/fish/completions/ipoib.fish`;

export function completions(cli: Cli) {
  return new Command("completions")
    .description("print a script that completes command lines in a shell")
    .addArgument(
      new Argument("<SHELL>", "the shell").choices(Object.keys(SHELLS)),
    )
    .addHelpText("after", HELP)
    .action((shell) => cli.environment.out(SHELLS[shell]!.script));
}

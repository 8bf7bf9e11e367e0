/** The man page ipoib(8): the command tree, and the topics of the help. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { TOPICS } from "../../src/cli/topics.ts";
import { blocksOf } from "./help_text.ts";
import { Mdoc } from "./mdoc.ts";

/** Returns the page, with a date in the form "November 30, 2026". */
export function ipoibPage(program: CommandUnknownOpts, date: string): string {
  const page = new Mdoc({
    name: "ipoib",
    section: 8,
    summary: "IP over InfiniBand in user space",
    date,
  });
  page.section("SYNOPSIS");
  page.synopsis("ipoib", program.usage());
  const [description, ...others] = TOPICS;
  page.section("DESCRIPTION");
  page.blocks(blocksOf(description!.text));
  page.section("OPTIONS");
  page.text("These options may stand before or after any command.");
  addOptions(page, program);
  page.section("COMMANDS");
  addCommands(page, program);
  for (const { name, section, text } of others) {
    page.section(section ?? name.toUpperCase().replaceAll("-", " "));
    page.blocks(blocksOf(text));
  }
  return page.toString();
}

/** Adds the commands, each object with its commands in a subsection. */
function addCommands(page: Mdoc, program: CommandUnknownOpts): void {
  for (const object of program.createHelp().visibleCommands(program)) {
    if (object.name() === "help") continue;
    page.subsection(`ipoib ${object.name()}`);
    if (object.commands.length === 0) {
      page.list(() => addCommand(page, object));
    } else {
      page.text(sentence(object.description()));
      page.list(() =>
        object.commands.forEach((each) => addCommand(page, each))
      );
      page.blocks(blocksOf(textAfterHelp(object)));
    }
  }
}

function addCommand(page: Mdoc, command: CommandUnknownOpts): void {
  page.item(`${pathOf(command)} ${command.usage()}`);
  const aliases = command.aliases().map((each) => `\`${each}\``);
  const also = aliases.length === 0
    ? ""
    : ` ${sentence(`also: ${aliases.join(", ")}`)}`;
  page.text(`${sentence(command.description())}${also}`);
  const help = command.createHelp();
  const described = command.registeredArguments.filter(({ description }) =>
    description !== ""
  );
  if (described.length > 0) {
    page.list(() => {
      for (const argument of described) {
        page.item(argument.name().toUpperCase());
        page.text(help.argumentDescription(argument));
      }
    });
  }
  addOptions(page, command);
  page.blocks(blocksOf(textAfterHelp(command)));
}

function addOptions(page: Mdoc, command: CommandUnknownOpts): void {
  const help = command.createHelp();
  const options = command.options.filter(({ hidden }) => !hidden);
  if (options.length === 0) return;
  page.list(() => {
    for (const option of options) {
      page.item(option.flags);
      page.text(help.optionDescription(option));
    }
  });
}

/** Returns what a command prints after its help. */
function textAfterHelp(command: CommandUnknownOpts): string {
  let printed = "";
  command.configureOutput({ writeOut: (text) => void (printed += text) });
  command.outputHelp();
  return printed.slice(command.helpInformation().length);
}

/** Returns the words of a command: `ipoib link set`. */
function pathOf(command: CommandUnknownOpts): string {
  return command.parent === null
    ? command.name()
    : `${pathOf(command.parent)} ${command.name()}`;
}

function sentence(text: string): string {
  const end = text.endsWith(".") ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}

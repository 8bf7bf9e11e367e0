/**
 * `ipoib get [[dev] IF] [FILE]`. Equivalent to: `cat /sys/class/net/IF/FILE`, and without FILE to
 * `grep . /sys/class/net/IF/*`, for all interfaces by default.
 */

import { Command } from "@commander-js/extra-typings";
import { printable } from "../../base/printable.ts";
import { type FileRecord, SYSFS_FILES } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { NONE } from "../completion/candidates.ts";
import { completeOperands, settings } from "../completion/grammar.ts";
import { usageError } from "../errors.ts";
import { renderFiles } from "../render/tables_text.ts";
import { parseSetting } from "../setting_words.ts";
import type { Otherwise } from "../session.ts";
import { showRecords } from "../show_records.ts";

const HELP = `
Files:
${SYSFS_FILES.map((name) => `  ${name}\n`).join("")}
An interface that has the name of a file is given as "dev IF".`;

const ATTRIBUTE: Otherwise = {
  what: "an attribute",
  known: `attributes: ${SYSFS_FILES.join(", ")}`,
};

/** The files of an interface. */
interface Files {
  readonly ifname: string;
  readonly files: FileRecord[];
}

export function get(cli: Cli) {
  const command = new Command("get")
    .description(
      "show sysfs attributes of an interface: mode, pkey, mtu, ...",
    )
    .usage("[options] [[dev] IF] [FILE]")
    .argument(
      "[WORD...]",
      "interface (default: the only one; without FILE, all in the namespace); attribute name (default: all)",
    )
    .addHelpText("after", HELP)
    .action(async (words, _options, self) => {
      const { name, setting: file, value: excess, dev } = parseSetting(
        words,
        SYSFS_FILES,
      );
      const otherwise = dev || file !== undefined ? undefined : ATTRIBUTE;
      if (excess !== undefined) {
        throw usageError(`Unexpected argument "${excess}"`);
      }
      if (file === undefined) {
        return await showRecords<Files>(cli, self, name, {
          eachInterface: true,
          otherwise,
          fetch: async ({ client, name: ifname }) => [
            { ifname, files: await client.call("file.show", { name: ifname }) },
          ],
          render: (all) =>
            all.map(({ ifname, files }) =>
              `${all.length > 1 ? `${printable(ifname)}:\n` : ""}${
                renderFiles(files)
              }`
            ).join(""),
          json: ({ ifname, files }) => ({
            ifname,
            ...Object.fromEntries(
              files.map(({ file, value = null }) => [file, value]),
            ),
          }),
        });
      }
      using target = await cli.open(self, name, otherwise);
      const { client, name: ifname } = target;
      const { value } = await client.call("get", { name: ifname, file });
      cli.print(self, [{ ifname, [file]: value }], () => `${value}\n`);
    });
  return completeOperands(command, settings(SYSFS_FILES, () => NONE));
}

/**
 * `ipoib param [[dev] IF] [NAME [VALUE]]`. Equivalent to: `cat /sys/module/ib_ipoib/parameters/NAME`, and with VALUE to
 * `echo VALUE > /sys/module/ib_ipoib/parameters/NAME`. A parameter applies to a parent interface and its children.
 */

import { Command } from "@commander-js/extra-typings";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { PARAMETERS } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { NONE, words } from "../completion/candidates.ts";
import { completeOperands, settings } from "../completion/grammar.ts";
import { INTERFACE } from "../options.ts";
import { parseSetting } from "../setting_words.ts";
import { renderParams } from "../render/tables_text.ts";
import type { Otherwise } from "../session.ts";

const HELP = `
Parameters:
${PARAMETERS.map((name) => `  ${name}\n`).join("")}
log_level is that of "ipoib up --log"; it applies to the lines of the interface
and its children.

An interface that has the name of a parameter is given as "dev IF".`;

const PARAMETER: Otherwise = {
  what: "a parameter",
  known: `parameters: ${PARAMETERS.join(", ")}`,
};

/** Parameters of the driver that this program does not have, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "max_nonsrq_conn_qp": "it is fixed at 128, the default of the driver",
  "cm_data_debug_level":
    "data_debug_level also logs the packets of connections",
};

/** Throws `E_NO_FILE` (ENOENT) for a parameter that only the driver has. */
function checkHere(word: string | undefined): void {
  const hint = word === undefined ? undefined : ELSEWHERE[word];
  if (hint === undefined) return;
  throw new IpoibError(
    "E_NO_FILE",
    `${word} is a parameter of the driver only`,
    { errno: Errno.ENOENT, hint },
  );
}

export function param(cli: Cli) {
  const command = new Command("param")
    .description(
      "show or change the parameters of the driver (debug_level, ...) and the log level",
    )
    .usage("[options] [[dev] IF] [NAME [VALUE]]")
    .argument("[WORD...]", `${INTERFACE}; parameter; new value`)
    .addHelpText("after", HELP)
    .action(async (words, _options, self) => {
      const { name: given, setting: param, value, dev } = parseSetting(
        words,
        PARAMETERS,
      );
      for (const word of dev ? [param] : [given, param]) checkHere(word);
      const isName = dev || param !== undefined;
      using target = await cli.open(
        self,
        given,
        isName ? undefined : PARAMETER,
      );
      const { client, name } = target;
      if (param !== undefined && value !== undefined) {
        await client.call("param.set", { name, param, value });
        return;
      }
      const records = await client.call("param.show", { name });
      if (param === undefined) {
        cli.print(self, records, renderParams);
        return;
      }
      const found = records.filter((record) => record.param === param);
      if (found.length === 0) {
        throw new IpoibError(
          "E_NO_FILE",
          `Parameter ${param} does not exist`,
          {
            errno: Errno.ENOENT,
            hint: `available parameters: ${
              records.map((record) => record.param).join(", ")
            }`,
          },
        );
      }
      cli.print(self, found, ([record]) => `${record!.value}\n`);
    });
  return completeOperands(
    command,
    settings(
      PARAMETERS,
      (param) => param.endsWith("debug_level") ? words("0", "1") : NONE,
    ),
  );
}

/**
 * `ipoib ethtool [-i|-k|-c|-C|-S|-g|-G|-a|-t] [IF] [name value]...`: shows and sets parameters as ethtool(8) does on an
 * ib_ipoib device, with the output and error messages of ethtool 6.1. (ethtool(8) on the device itself shows a TAP.)
 *
 * Equivalent to: `ethtool -c IF`, and the same for the other options.
 */

import { Errno, errnoText } from "../../base/errno.ts";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { type Cli, prints } from "../cli.ts";
import { Exit, exitCode, usageError } from "../errors.ts";
import {
  isParameter,
  ParameterError,
  readParameters,
} from "../ethtool_parameters.ts";
import {
  allStatistics,
  renderCoalesce,
  renderDriver,
  renderSettings,
  renderStatistics,
  settingsJson,
  settingsOf,
} from "../render/ethtool_text.ts";
import { featuresJson, renderFeatures } from "../render/features_text.ts";
import type { Target } from "../session.ts";

/** Error numbers for which ethtool prints the text of perror(3). */
const PERROR: readonly number[] = [
  Errno.EPERM,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
];

/** The connected interface, and the function that prints the output. */
interface Context {
  readonly cli: Cli;
  readonly command: CommandUnknownOpts;
  readonly target: Target;
  print(text: string, json: Record<string, unknown>): void;
}

type Action = (context: Context) => Promise<void>;

const show: Record<string, Action> = {
  showCoalesce: async ({ target: { client, name }, print }) => {
    const record = await client.call("coalesce.get", { name });
    print(renderCoalesce(name, record), record);
  },
  driver: async ({ target: { client, name }, print }) => {
    const record = await client.call("driver", { name });
    print(renderDriver(record), record);
  },
  statistics: async ({ target: { client, name }, print }) => {
    const [record] = await client.call("stats", { name });
    const statistics = allStatistics(record!);
    print(renderStatistics(statistics), statistics);
  },
  showFeatures: async ({ target: { client, name }, print }) => {
    const features = await client.call("features", { name });
    print(renderFeatures(name, features), featuresJson(features));
  },
  showRing: refused("netlink error"),
  setRing: refused("netlink error"),
  showPause: refused("netlink error"),
  test: refused("Cannot test"),
};

const settings: Action = async ({ target: { client, name }, print }) => {
  const [link] = await client.call("link.show", { name });
  const found = settingsOf(link!);
  print(renderSettings(name, found), settingsJson(found));
};

/** Prints the EOPNOTSUPP error of ethtool for an operation that ib_ipoib does not implement, and sets the exit code. */
function refused(prefix: string): Action {
  return ({ cli }) => {
    cli.environment.err(`${prefix}: ${errnoText(Errno.EOPNOTSUPP)}\n`);
    cli.exitCode = Exit.Refused;
    return Promise.resolve();
  };
}

/** Sets coalesce parameters. Prints a refusal as ethtool does. */
async function setCoalesce(
  { cli, target: { client, name } }: Context,
  values: Record<string, number>,
): Promise<void> {
  try {
    await client.call("coalesce.set", { name, values });
  } catch (error) {
    const { errno, code, message } = IpoibError.from(error);
    if (errno === undefined || !PERROR.includes(errno)) throw error;
    if (code === "E_COALESCE_PARAMETER") {
      cli.environment.err(`netlink error: ${message}\n`);
    }
    cli.environment.err(`netlink error: ${errnoText(errno)}\n`);
    cli.exitCode = exitCode(IpoibError.from(error));
  }
}

/** Parses the arguments of `-C`: an optional interface, then parameters. Throws {@linkcode ParameterError}. */
function parseCoalesce(words: readonly string[]) {
  const [first, ...rest] = words;
  const named = first !== undefined && !isParameter(first);
  return {
    name: named ? first : undefined,
    values: readParameters(named ? rest : words),
  };
}

export function ethtool(cli: Cli) {
  const run = async (
    words: readonly string[],
    options: Record<string, unknown>,
    command: CommandUnknownOpts,
  ) => {
    const shown = Object.keys(show).filter((name) => options[name] === true);
    const sets = options["coalesce"] === true;
    if (shown.length + (sets ? 1 : 0) > 1) {
      throw usageError("More than one option given", "ethtool takes one");
    }
    const { name, values } = sets
      ? parseCoalesce(words)
      : { name: words[0], values: {} };
    const takesMore = sets || options["setRing"] === true;
    if (!takesMore && words[1] !== undefined) {
      cli.environment.err(`ethtool: unexpected parameter '${words[1]}'\n`);
      cli.exitCode = Exit.Usage;
      return;
    }
    using target = await cli.open(command, name);
    const context: Context = {
      cli,
      command,
      target,
      print: (text, json) =>
        cli.print(command, [{ ifname: target.name, ...json }], () => text),
    };
    if (sets) await setCoalesce(context, values);
    else await (shown[0] === undefined ? settings : show[shown[0]]!)(context);
  };
  return prints(
    new Command("ethtool")
      .description("show and set device parameters, as ethtool(8)")
      .usage("[options] [IF] [PARAMETER VALUE]...")
      .argument(
        "[WORD...]",
        "interface, then parameters for -C: rx-usecs N, rx-frames N",
      )
      .option("-c, --show-coalesce", "show coalesce parameters")
      .option("-C, --coalesce", "set coalesce parameters")
      .option("-i, --driver", "show driver information")
      .option("-S, --statistics", "show driver statistics")
      .option("-k, --show-features", "show offload features")
      .option("-g, --show-ring", "not supported by this driver")
      .option("-G, --set-ring", "not supported by this driver")
      .option("-a, --show-pause", "not supported by this driver")
      .option("-t, --test", "not supported by this driver")
      .action(async (words, options, self) => {
        try {
          await run(words, options, self);
        } catch (error) {
          if (!(error instanceof ParameterError)) throw error;
          cli.environment.err(`ethtool (-C): ${error.message}\n`);
          cli.exitCode = Exit.Usage;
        }
      }),
  );
}

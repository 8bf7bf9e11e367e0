/**
 * `ipoib ethtool [-i|-k|-c|-C|-S|-g|-G|-a|-t] [IF] [name value]...`: what ethtool(8) shows and sets of a real ib_ipoib device,
 * with ethtool 6.1's texts. (The kernel's ethtool shows a TAP.)
 *
 * Equivalent to: `ethtool -c IF` and so on.
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

/** Refusals that ethtool prints in the words of perror(3). */
const PRINTED: readonly number[] = [
  Errno.EPERM,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
];

/** An open interface and how to print what is learnt of it. */
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

/** What ib_ipoib does not have either. */
function refused(what: string): Action {
  return ({ cli }) => {
    cli.environment.err(`${what}: ${errnoText(Errno.EOPNOTSUPP)}\n`);
    cli.exitCode = Exit.Refused;
    return Promise.resolve();
  };
}

/** Sets what the words say; a refusal is told as ethtool tells it. */
async function setCoalesce(
  { cli, target: { client, name } }: Context,
  values: Record<string, number>,
): Promise<void> {
  try {
    await client.call("coalesce.set", { name, values });
  } catch (error) {
    const { errno, code, message } = IpoibError.from(error);
    if (errno === undefined || !PRINTED.includes(errno)) throw error;
    if (code === "E_COALESCE_PARAMETER") {
      cli.environment.err(`netlink error: ${message}\n`);
    }
    cli.environment.err(`netlink error: ${errnoText(errno)}\n`);
    cli.exitCode = exitCode(IpoibError.from(error));
  }
}

/** The words of `-C`, the interface first unless a parameter is there; throws {@linkcode ParameterError}. */
function coalesceWords(words: readonly string[]) {
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
    const asked = Object.keys(show).filter((name) => options[name] === true);
    const sets = options["coalesce"] === true;
    if (asked.length + (sets ? 1 : 0) > 1) {
      throw usageError("Several options at once", "ethtool takes one");
    }
    const { name, values } = sets
      ? coalesceWords(words)
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
    else await (asked[0] === undefined ? settings : show[asked[0]]!)(context);
  };
  return prints(
    new Command("ethtool")
      .description("show and set what ethtool does of a real device")
      .usage("[options] [IF] [PARAMETER VALUE]...")
      .argument(
        "[WORD...]",
        "interface, then what -C sets: rx-usecs, rx-frames",
      )
      .option("-c, --show-coalesce", "show moderation of receive events")
      .option("-C, --coalesce", "set it")
      .option("-i, --driver", "show the driver")
      .option("-S, --statistics", "show statistics of the driver")
      .option("-k, --show-features", "show offloads")
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

/**
 * The options of `ipoib ethtool` that change an interface: `-C`, `-G` and `-K`. Like the kernel before it calls the
 * driver, they refuse parameters that the interface does not have; the daemon refuses values. Refusals are printed as
 * ethtool does.
 */

import { Errno, errnoText } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { CoalesceRecordSchema, type RingRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import {
  FeatureError,
  FeatureRefusal,
  readFeatures,
} from "./ethtool_features.ts";
import {
  COALESCE,
  parameterOffset,
  type Parameters,
  readParameters,
  RINGS,
} from "./ethtool_parameters.ts";
import {
  type FeatureChange,
  featureOutcome,
  renderChanges,
} from "./render/features_text.ts";
import type { Target } from "./session.ts";

/** Exit codes of ethtool for refused requests. */
export const EthtoolExit = {
  /** Invalid arguments; also refusals of `-c`, `-C`, `-g` and `-a`, and of all features of `-K`. */
  Failed: 1,
  Test: 74,
  Rings: 81,
  Features: 92,
} as const;

/** Error numbers for which ethtool prints the text of perror(3). */
const PERROR: readonly number[] = [
  Errno.EPERM,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
];

/** An interface to change, and where refusals are printed. */
export interface SetContext {
  readonly environment: CliEnvironment;
  readonly target: Target;
  print(text: string, json: Record<string, unknown>): void;
}

/** Prints ethtool's text for an error number, after an explanation if there is one. */
export function refuse(
  environment: CliEnvironment,
  errno: number,
  explanation?: string,
): void {
  if (explanation !== undefined) {
    environment.err(`netlink error: ${explanation}\n`);
  }
  environment.err(`netlink error: ${errnoText(errno)}\n`);
}

/** Calls the daemon. Prints its refusal and returns false; throws other errors. */
async function accepted(
  { environment }: SetContext,
  call: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    const { errno } = IpoibError.from(error);
    if (errno === undefined || !PERROR.includes(errno)) throw error;
    refuse(environment, errno);
    return false;
  }
}

/** `-C`: sets coalesce parameters. Returns the exit code. */
export async function setCoalesce(
  context: SetContext,
  words: readonly string[],
): Promise<number> {
  const { environment, target: { client, name } } = context;
  const values = readParameters(words, COALESCE);
  const unsupported = COALESCE.names.find((each) =>
    Object.hasOwn(values, each) &&
    !Object.hasOwn(CoalesceRecordSchema.entries, each)
  );
  if (unsupported !== undefined) {
    const offset = parameterOffset(name, values, unsupported);
    refuse(
      environment,
      Errno.EINVAL,
      `cannot modify an unsupported parameter (offset ${offset})`,
    );
    return EthtoolExit.Failed;
  }
  const set = () => client.call("coalesce.set", { name, values });
  return await accepted(context, set) ? 0 : EthtoolExit.Failed;
}

/** `-G`: sets the sizes of rings. Returns the exit code. */
export async function setRings(
  context: SetContext,
  words: readonly string[],
): Promise<number> {
  const { environment, target: { client, name } } = context;
  const values = readParameters(words, RINGS);
  const refusal = ringRefusal(
    values,
    await client.call("rings.get", { name }),
  );
  if (refusal) {
    const { errno, text, parameter } = refusal;
    const offset = parameterOffset(name, values, parameter);
    refuse(environment, errno, `${text} (offset ${offset})`);
    return EthtoolExit.Rings;
  }
  const { rx, tx } = values;
  const set = () =>
    client.call("rings.set", {
      name,
      ...(rx === undefined ? {} : { rx }),
      ...(tx === undefined ? {} : { tx }),
    });
  return await accepted(context, set) ? 0 : EthtoolExit.Rings;
}

/** Returns why the kernel refuses values before it calls a driver; undefined if it does not. */
function ringRefusal(values: Parameters, rings: RingRecord) {
  const unsupported: readonly [string, string][] = [
    ["rx-buf-len", "rx buf len"],
    ["cqe-size", "cqe size"],
    ["tx-push", "tx push"],
  ];
  for (const [parameter, words] of unsupported) {
    if (!Object.hasOwn(values, parameter)) continue;
    const text = `setting ${words} not supported`;
    return { errno: Errno.EOPNOTSUPP, text, parameter };
  }
  const maxima: readonly [string, number][] = [
    ["rx", rings["rx-max"]],
    ["rx-mini", 0],
    ["rx-jumbo", 0],
    ["tx", rings["tx-max"]],
  ];
  for (const [parameter, max] of maxima) {
    if ((values[parameter] ?? 0) <= max) continue;
    const text = "requested ring size exceeds maximum";
    return { errno: Errno.EINVAL, text, parameter };
  }
  return undefined;
}

/** `-K`: requests features on or off, and prints what changed if it is not what was requested. Returns the exit code. */
export async function setFeatures(
  { environment, target: { client, name }, print }: SetContext,
  words: readonly string[],
): Promise<number> {
  try {
    const request = readFeatures(words, name);
    const { before, after } = await client.call("features.set", {
      name,
      request: Object.fromEntries(request),
    });
    const { changes, failed } = featureOutcome(request, before, after);
    if (changes.length > 0) {
      print(renderChanges(changes), Object.fromEntries(changes.map(toJson)));
    }
    if (!failed) return 0;
    environment.err("Could not change any device features\n");
    return EthtoolExit.Failed;
  } catch (error) {
    const refused = error instanceof FeatureRefusal;
    if (!refused && !(error instanceof FeatureError)) throw error;
    environment.err(`${error.message}\n`);
    return refused ? EthtoolExit.Features : EthtoolExit.Failed;
  }
}

function toJson({ name, active, requested }: FeatureChange) {
  return [name, { active, requested }] as const;
}

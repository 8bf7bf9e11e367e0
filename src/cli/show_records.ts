/** Prints the records of one interface, or of all interfaces of a namespace or of the host. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { IpoibError } from "../base/errors.ts";
import { LEFT_NAMESPACE } from "../base/events.ts";
import type { NamespaceDirectory } from "../ipc/locate.ts";
import type { Cli } from "./cli.ts";
import { errorLine, exitCode } from "./errors.ts";
import { askAll, type Listing, namespacesHidden } from "./listing.ts";
import { namespaceName } from "./namespace.ts";
import { type Family, globalsOf } from "./options.ts";
import { renderJson } from "./render/json.ts";
import { type Style, styleOf } from "./render/style.ts";
import { noneRunning, type Otherwise, type Target } from "./session.ts";

/** Source and formats of the records of a command. */
export interface Shown<T extends object> {
  /**
   * Fetches records from a process: of interface `params.name`, by default of its parent and the children in the
   * namespace of the parent.
   */
  fetch(target: Target, params: { name?: string }): Promise<T[]>;
  /** Order of the records in a namespace. Default: by the names of the parents. */
  readonly order?: (a: T, b: T) => number;
  /** Returns the part of a record that belongs to an address family (`-f`, `-4`, `-6`), if there is one. */
  readonly ofFamily?: (record: T, family: Family) => T | undefined;
  render(records: T[], style: Style): string;
  /** Converts a record for JSON. */
  readonly json?: (record: T, style: Style) => object;
  /** Returns the record of an interface that does not answer. Without it, the error is printed to standard error. */
  readonly absent?: (name: string, error: IpoibError) => T;
  /** True if each record shows its namespace with `-a`. Otherwise a heading does. */
  readonly showsNamespace?: true;
  /** True to fetch the records of each interface separately. */
  readonly eachInterface?: true;
  /** Returns the namespace of a record of a process in `place`. Default: `place`. */
  readonly placeOf?: ((record: T, place: Place) => Place) | undefined;
  /** What the name may be if no interface has it. */
  readonly otherwise?: Otherwise | undefined;
}

/** A namespace; the inode is undefined for the initial one. */
export type Place = Pick<NamespaceDirectory, "inode">;

interface PlacedRecords<T> {
  readonly place: Place;
  readonly records: T[];
}

/** The records of one namespace. */
interface Group<T> {
  /** The namespace in text, and its name in JSON if it has one. Both are undefined without `-a`. */
  readonly label?: string | undefined;
  readonly netns?: string | undefined;
  readonly records: T[];
}

/**
 * Shows the records of interface `name`, or of all interfaces. Throws the error of a named interface, `E_NOT_RUNNING`
 * if there is no interface, and the first error if nothing can be shown.
 */
export async function showRecords<T extends object>(
  cli: Cli,
  command: CommandUnknownOpts,
  name: string | undefined,
  shown: Shown<T>,
): Promise<void> {
  const { allNetns = false, netns } = globalsOf(command);
  if (name !== undefined && !allNetns) {
    using target = await cli.open(command, name, shown.otherwise);
    const records = await shown.fetch(target, { name: target.name });
    return print(cli, command, [{ records }], shown);
  }
  const { environment } = cli;
  const { eachInterface = false } = shown;
  const listing = await askAll(
    environment,
    { name, netns, allNetns, eachInterface },
    (target) =>
      shown.fetch(
        target,
        name !== undefined || eachInterface || target.child
          ? { name: target.name }
          : {},
      ),
  );
  const errors = errorsOf(listing, shown);
  const groups = groupsOf(listing, shown);
  if (groups.length === 0) {
    throw errors[0] ?? await noneRunning(environment, { allNetns, netns });
  }
  const names = allNetns ? await environment.namespaceNames() : undefined;
  print(cli, command, groups.map((group) => labelled(group, names)), shown);
  for (const error of errors) environment.err(errorLine(error));
  if (errors[0]) cli.exitCode = exitCode(errors[0]);
}

/** Returns the errors that no record shows. */
function errorsOf<T extends object>(
  { answers, incomplete }: Listing<T[]>,
  shown: Shown<T>,
): IpoibError[] {
  return [
    ...answers.map(({ result }) => result)
      .filter((result) => result instanceof IpoibError)
      .filter((error) => !hasRecord(error, shown)),
    ...(incomplete ? [namespacesHidden()] : []),
  ];
}

/** True if an error is shown as a record. A socket that belongs to another user may be stale, so it is not. */
function hasRecord<T extends object>(
  error: IpoibError,
  { absent }: Shown<T>,
): boolean {
  return absent !== undefined && error.code !== "E_IPC_PERMISSION";
}

/** Returns the records by namespace, without namespaces of which nothing can be shown. */
function groupsOf<T extends object>(
  { answers }: Listing<T[]>,
  shown: Shown<T>,
): PlacedRecords<T>[] {
  const groups = new Map<Place["inode"], PlacedRecords<T>>();
  const recordsIn = (place: Place) => {
    const group = groups.get(place.inode) ?? { place, records: [] };
    groups.set(place.inode, group);
    return group.records;
  };
  const { placeOf = (_record, place) => place } = shown;
  for (const { place, name, result } of answers) {
    const failed = result instanceof IpoibError;
    if (failed && !hasRecord(result, shown)) continue;
    const records = recordsIn(place);
    if (failed) records.push(shown.absent!(name, result));
    else for (const each of result) recordsIn(placeOf(each, place)).push(each);
  }
  const { order } = shown;
  if (order) { for (const { records } of groups.values()) records.sort(order); }
  return [...groups.values()];
}

/** Adds the name of the namespace of a group, if `names` is given. */
function labelled<T>(
  { place, records }: PlacedRecords<T>,
  names: ReadonlyMap<bigint, string> | undefined,
): Group<T> {
  if (!names) return { records };
  const netns = place.inode === undefined ? undefined : names.get(place.inode);
  return { label: namespaceLabel(place, names), netns, records };
}

/** Returns the text for a namespace: its name, or its inode; `(left)` for {@linkcode LEFT_NAMESPACE}. */
export function namespaceLabel(
  place: Place,
  names: ReadonlyMap<bigint, string>,
): string {
  if (place.inode === BigInt(LEFT_NAMESPACE)) return "(left)";
  return namespaceName(place, names) ?? "(initial)";
}

function print<T extends object>(
  cli: Cli,
  command: CommandUnknownOpts,
  groups: readonly Group<T>[],
  { render, json = (record) => record, showsNamespace, ofFamily }: Shown<T>,
): void {
  const options = globalsOf(command);
  const style = styleOf(options, cli.environment.color);
  const { family } = options;
  const select = (records: T[]) =>
    family === undefined || !ofFamily
      ? records
      : records.map((record) => ofFamily(record, family)).filter((record) =>
        record !== undefined
      );
  if (options.json) {
    const records = groups.flatMap(({ label, netns, records }) =>
      select(records).map((record) => ({
        ...(netns === undefined ? {} : { netns }),
        ...json(record, { ...style, netns: label }),
      }))
    );
    return cli.environment.out(renderJson(records, options.pretty ?? false));
  }
  for (const { label, records } of groups) {
    const text = render(select(records), { ...style, netns: label });
    const headed = text !== "" && label !== undefined && !showsNamespace;
    cli.environment.out(headed ? `netns: ${label}\n${text}` : text);
  }
}

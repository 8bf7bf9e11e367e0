/** The calls by which `ipoib up` applies the settings of a configuration file, before the interface is ready. */

import type { Params } from "./methods.ts";

/** Methods of the control socket that apply a setting. */
type SetupMethod =
  | "addr.add"
  | "child.create"
  | "coalesce.set"
  | "features.set"
  | "link.add"
  | "link.set"
  | "param.set"
  | "rings.set"
  | "route.add";

/** A method and its parameters. */
export type SetupCall = {
  [M in SetupMethod]: { readonly method: M; readonly params: Params<M> };
}[SetupMethod];

/** A call that applies one line of a configuration file. */
export type SetupStep = SetupCall & {
  /** The line: `/etc/ipoib/ib0.conf:12`. */
  readonly where: string;
  /** The interface that the call creates or changes. If it was not created, its other calls are not made. */
  readonly ifname: string;
};

/**
 * All commands but those that show the records of interfaces. They are loaded together, and only if a command line may
 * name one of them, because more than a third of the code serves them alone. To load each on its own would take longer
 * than it saves.
 */

import { capture } from "./commands/capture.ts";
import { checkConfig } from "./commands/check_config.ts";
import { cni } from "./commands/cni.ts";
import { childCreate } from "./commands/child_create.ts";
import { childDelete } from "./commands/child_delete.ts";
import { childList } from "./commands/child_list.ts";
import { completions } from "./commands/completions.ts";
import { debugMcg } from "./commands/debug_mcg.ts";
import { debugPath } from "./commands/debug_path.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { ethtool } from "./commands/ethtool.ts";
import { events } from "./commands/events.ts";
import { extcap } from "./commands/extcap.ts";
import { get } from "./commands/get.ts";
import { linkAdd } from "./commands/link_add.ts";
import { linkDel } from "./commands/link_del.ts";
import { linkSet } from "./commands/link_set.ts";
import { monitor } from "./commands/monitor.ts";
import { metrics } from "./commands/metrics.ts";
import { neighAdd, neighChange, neighReplace } from "./commands/neigh_add.ts";
import { neighDel } from "./commands/neigh_del.ts";
import { neighFlush } from "./commands/neigh_flush.ts";
import { param } from "./commands/param.ts";
import { set } from "./commands/set.ts";
import { showconf } from "./commands/showconf.ts";
import { subnetEvents } from "./commands/subnet_events.ts";
import { subnetFault } from "./commands/subnet_fault.ts";
import { subnetMonitor } from "./commands/subnet_monitor.ts";
import { subnetReload } from "./commands/subnet_reload.ts";
import { subnetRun } from "./commands/subnet_run.ts";
import { subnetShow } from "./commands/subnet_show.ts";
import { top } from "./commands/top.ts";
import { up } from "./commands/up.ts";
import { upgrade } from "./commands/upgrade.ts";
import { version } from "./commands/version.ts";

/** The commands by their names, those of an object with the name of the object. */
export const OTHER_COMMANDS = {
  capture,
  "check-config": checkConfig,
  cni,
  "child create": childCreate,
  "child delete": childDelete,
  "child list": childList,
  completions,
  "debug mcg": debugMcg,
  "debug path": debugPath,
  doctor,
  down,
  ethtool,
  events,
  extcap,
  get,
  "link add": linkAdd,
  "link del": linkDel,
  "link set": linkSet,
  monitor,
  metrics,
  "neigh add": neighAdd,
  "neigh change": neighChange,
  "neigh replace": neighReplace,
  "neigh del": neighDel,
  "neigh flush": neighFlush,
  param,
  set,
  showconf,
  "subnet events": subnetEvents,
  "subnet fault": subnetFault,
  "subnet monitor": subnetMonitor,
  "subnet reload": subnetReload,
  "subnet run": subnetRun,
  "subnet show": subnetShow,
  top,
  up,
  upgrade,
  version,
} as const;

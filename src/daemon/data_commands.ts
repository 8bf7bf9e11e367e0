/** The methods of an interface's control socket that the data worker answers. */

import type { DataCommands } from "./commands/context.ts";
import { ethtoolCommands } from "./commands/ethtool.ts";
import { fileCommands } from "./commands/files.ts";
import { linkCommands } from "./commands/link.ts";
import { subnetCommands } from "./commands/subnet.ts";
import { tableCommands } from "./commands/tables.ts";

export const dataCommands: DataCommands = {
  ...linkCommands,
  ...tableCommands,
  ...fileCommands,
  ...ethtoolCommands,
  ...subnetCommands,
};

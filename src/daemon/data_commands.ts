/** All commands of the data worker. */

import { captureCommands } from "./commands/capture_commands.ts";
import { addressCommands } from "./commands/address_commands.ts";
import type { DataCommands } from "./commands/context.ts";
import { doctorCommands } from "./commands/doctor_command.ts";
import { ethtoolCommands } from "./commands/ethtool_commands.ts";
import { fileCommands } from "./commands/file_commands.ts";
import { linkCommands } from "./commands/link_commands.ts";
import { paramCommands } from "./commands/param_commands.ts";
import { subnetCommands } from "./commands/subnet.ts";
import { tableCommands } from "./commands/table_commands.ts";

export const dataCommands: DataCommands = {
  ...addressCommands,
  ...linkCommands,
  ...tableCommands,
  ...fileCommands,
  ...ethtoolCommands,
  ...paramCommands,
  ...subnetCommands,
  ...doctorCommands,
  ...captureCommands,
};

/** `ipoib subnet fault`: injects faults into an embedded subnet, with arguments in the style of `tc netem`. */

import { Command } from "@commander-js/extra-typings";
import type { PortOperation } from "../../ipc/schema.ts";
import { type Cli, netnsOf } from "../cli.ts";
import { faultOperands, parseFault, takeSubnetName } from "../fault_words.ts";
import { completeOperands } from "../completion/grammar.ts";
import { findPort } from "../find_port.ts";
import { snakeKeys } from "../render/json.ts";
import { renderFaults, renderWaiting } from "../render/fault_text.ts";
import { openSubnet } from "../subnet_session.ts";

const HELP = `
Actions (default: show). If several subnets are running, NAME precedes the
action.
  show                      print the rules
  set [port PORT] RULE      apply RULE to packets sent by PORT, or by every port
                            without its own rule; replaces the previous rule and
                            restarts packet numbering
  clear [port PORT]         remove the rule of PORT, or all rules
  port PORT down            set the port down and remove it from the forwarding
                            tables of the subnet
  port PORT up              set the port active
  port PORT lid [LID]       assign LID, or the next free LID, to the port
  port PORT pkeys [P,P...]  set the P_Key table of the port, or restore the
                            table defined by its partitions
  port PORT reregister      send a client reregister event to the port
  kill-manager              kill the subnet manager without cleanup, so that
                            another process takes over. Interfaces in the same
                            process keep running; a process of "subnet run" is
                            killed.

RULE is one or more of
  drop P%                   drop P percent of the packets
  delay TIME [jitter TIME]  delay every packet: 10ms, 500us, 1s
  duplicate P%              duplicate P percent of the packets
  reorder P%                send P percent of the packets after the next packet,
                            or 20 ms later if there is none
  rate RATE                 limit the rate of each link: 100mbit, 1gbit,
                            500kbit; counts IP packets and IPoIB headers
  seed N                    seed of the random choices (default 1)

PORT is an interface name, a LID or a GUID. The seed, the GUIDs of sender and
receiver, and the number of the packet on that link (counted separately for
unicast and multicast) determine which packets are affected, so the same seed
affects the same packets. Use "ipoib up --guid" to make the GUIDs independent of
the machine. The MADs that ports exchange to set up connections are affected,
those of the subnet administrator are not. Delayed packets occupy slots of the
sender; packets that would occupy more than three quarters of the slots are
dropped and counted (port_fault_overflow in ipoib ethtool -S).

Times and rates need a unit: without one, tc reads microseconds and bits per
second.`;

export function subnetFault(cli: Cli) {
  return completeOperands(new Command("fault"), faultOperands)
    .description(
      "drop, delay, duplicate or reorder packets; change port state",
    )
    .usage("[options] [NAME] [show|set|clear|port|kill-manager] [WORD...]")
    .argument("[WORD...]", "action and its arguments, see below")
    .addHelpText("after", HELP)
    .action(async (words, _options, self) => {
      const { name, rest } = takeSubnetName(words);
      const command = parseFault(rest);
      const { environment } = cli;
      using client = await openSubnet(environment, name);
      const subnet = () => client.call("subnet.show", {});
      const guid = async (port: string | undefined) =>
        port === undefined ? {} : {
          port: await findPort(
            environment,
            netnsOf(self),
            await subnet(),
            port,
          ),
        };
      switch (command.verb) {
        case "show": {
          const shown = await subnet();
          const faults = await client.call("subnet.fault.show", {});
          return cli.print(
            self,
            [faults],
            (records, style) =>
              records.map((each) => renderFaults(each, shown, style))
                .join(""),
            snakeKeys,
          );
        }
        case "set": {
          const { waiting } = await client.call("subnet.fault.set", {
            ...await guid(command.port),
            ...command.effects,
          });
          return environment.err(renderWaiting(waiting));
        }
        case "clear": {
          const { waiting } = await client.call(
            "subnet.fault.clear",
            await guid(command.port),
          );
          return environment.err(renderWaiting(waiting));
        }
        case "port":
          await client.call("subnet.port", {
            ...await guid(command.port),
            ...command.operation,
          } as PortOperation);
          return;
        case "kill-manager":
          await client.call("subnet.kill", {});
      }
    });
}

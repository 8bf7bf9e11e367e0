/** `ipoib subnet fault`: disturbs an embedded subnet, in the manner of `tc netem`. */

import { Command } from "@commander-js/extra-typings";
import type { PortOperation } from "../../ipc/schema.ts";
import { type Cli, netnsOf, prints } from "../cli.ts";
import { parseFault, takeSubnetName } from "../fault_words.ts";
import { findPort } from "../find_port.ts";
import { snakeKeys } from "../render/json.ts";
import { renderFaults, renderWaiting } from "../render/fault_text.ts";
import { openSubnet } from "../subnet_session.ts";

const HELP = `
Words, after the subnet's name if several run (default: show):
  show                      rules, as they were set
  set [port PORT] RULE      what happens to the packets that PORT sends, or every port without a rule of its own;
                            it replaces the rule before and numbers the packets anew
  clear [port PORT]         end the rule of PORT, or all rules
  port PORT down            take the port's link down: it leaves the subnet's forwarding
  port PORT up              and up again
  port PORT lid [LID]       give the port another LID
  port PORT pkeys [P,P...]  give the port another P_Key table, or again that of its partitions
  port PORT reregister      ask the port to join its groups again (client reregister)
  kill-manager              end the subnet manager without a word; another process takes over (an interface in the
                            same process lives on, a subnet run is killed)

RULE is one or more of
  drop P%                   of the packets
  delay TIME [jitter TIME]  of every packet: 10ms, 500us, 1s
  duplicate P%              sent twice
  reorder P%                sent after their successor, or 20 ms later if there is none
  rate RATE                 of each link: 100mbit, 1gbit, 500kbit; IP packets and IPoIB headers count
  seed N                    of the choices (default 1)

PORT is an interface, a LID or a GUID. Which packets are hit depends on the seed, the GUIDs of sender and receiver and
the packet's number on that link (unicast and multicast apart), and on nothing else: the same seed, the same fates.
With ipoib up --guid the GUIDs are the same on every machine. MADs are not disturbed. Delayed packets stay in the
sender's slots: beyond three quarters of them packets are dropped (port counter fault_overflow).`;

export function subnetFault(cli: Cli) {
  return prints(
    new Command("fault")
      .description("drop, delay, duplicate, reorder packets; disturb ports")
      .usage("[options] [NAME] [show|set|clear|port|kill-manager] [WORD...]")
      .argument("[WORD...]", "see below")
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
      }),
  );
}

import { assertEquals } from "@std/assert";
import { messageRates } from "../../../scripts/bench/guests/ib_send_bw.ts";

const PRINTED = `\
 TX depth        : 128
 local address: LID 0x01 QPN 0x0011 PSN 0x3e5efa
 #bytes     #iterations    BW peak[MB/sec]    BW average[MB/sec]   MsgRate[Mpps]
 2048       13100            0.00               8.47   		   0.004335
---------------------------------------------------------------------------------------

 #bytes     #iterations    BW peak[MB/sec]    BW average[MB/sec]   MsgRate[Mpps]
 2048       13161            0.00               8.48   		   0.004340
`;

Deno.test("messageRates() reads the rate of each end from what ib_send_bw prints", () => {
  assertEquals(messageRates(PRINTED).map(Math.round), [4335, 4340]);
  assertEquals(messageRates("Unable to init the socket connection"), []);
});

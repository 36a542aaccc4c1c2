"""An HL7 system of python3-hl7 (Debian): `serve PORT` takes messages over MLLP, parses them with that library, acknowledges, and prints one JSON line for each."""

import asyncio
import json
import sys

import hl7.mllp


async def serve(port: int) -> None:
    seen = set()

    async def talk(reader, writer):
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                again = str(message["MSH.F10"]) in seen
                seen.add(str(message["MSH.F10"]))
                segments = [str(segment[0]) for segment in message]
                print(
                    json.dumps(
                        {
                            "id": str(message["MSH.F10"]),
                            "type": str(message["MSH.F9"]),
                            "patient": str(message["PID.F3.R1.C1"]),
                            "name": str(message["PID.F5"]),
                            "segments": segments,
                            "items": [hl7.Message.unescape(message, str(row[7][0][1][0])) for row in message if str(row[0]) == "FT1"],
                            "amounts": [str(row[11][0][0][0]) for row in message if str(row[0]) == "FT1"],
                            "again": again,
                        }
                    ),
                    flush=True,
                )
                writer.writemessage(message.create_ack("AA"))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await hl7.mllp.start_hl7_server(talk, host="127.0.0.1", port=port, encoding="utf-8")
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__" and sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))

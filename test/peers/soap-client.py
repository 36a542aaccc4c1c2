"""python3-zeep against Huiliu's WSDL: soap-client.py <wsdl> <user> <key> <soap11|soap12> <basic|token|digest> <kind> < message. Prints one JSON line."""
import json
import sys

import requests
import zeep
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

wsdl, user, key, version, proof, kind = sys.argv[1:7]
session = requests.Session()
if proof == "basic":
    session.auth = (user, key)
wsse = None if proof == "basic" else UsernameToken(user, key, use_digest=proof == "digest")
client = zeep.Client(wsdl, transport=Transport(session=session), wsse=wsse)
port = next(name for name in client.wsdl.services["HisPush"].ports if name.endswith("Soap12") == (version == "soap12"))
service = client.bind("HisPush", port)
try:
    print(json.dumps({"result": service.Push(xml=sys.stdin.buffer.read().decode("utf-8"), kind=kind)}, ensure_ascii=False))
except zeep.exceptions.Fault as fault:
    detail = "" if fault.detail is None else "".join(fault.detail.itertext())
    print(json.dumps({"fault": str(fault.code), "message": fault.message, "detail": detail}, ensure_ascii=False))

"""A HIS written with python3-pika: pushes exchanges and messages to huiliu.inbound and reads huiliu.events. Nothing of Huiliu's code is used.

usage: push.py <amqp url> exchange <routing key> <exchange id> <request file> <reply file> [return] [charset]
       push.py <amqp url> message <routing key> <file> [content type]
       push.py <amqp url> reply-only <routing key> <exchange id> <reply file>
       push.py <amqp url> watch <seconds>      prints one JSON line when the queue is bound, then one per event
"""
import json
import sys
import time

import pika


def connect(url):
    parameters = pika.URLParameters(url)
    return pika.BlockingConnection(parameters)


def read(path):
    with open(path, "rb") as handle:
        return handle.read()


def publish(channel, key, body, content_type, headers):
    properties = pika.BasicProperties(content_type=content_type, delivery_mode=2, headers=headers)
    channel.basic_publish("huiliu.inbound", key, body, properties, mandatory=True)


def main():
    url, verb, *rest = sys.argv[1:]
    connection = connect(url)
    channel = connection.channel()
    if verb == "watch":
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "huiliu.events", "#")
        print(json.dumps({"bound": queue}), flush=True)
        until = time.time() + float(rest[0])
        for method, _properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.2):
            if method is not None:
                print(json.dumps({"at": time.time(), "event": json.loads(body)}, ensure_ascii=False), flush=True)
            if time.time() > until:
                break
        channel.cancel()
    else:
        channel.confirm_delivery()
        if verb == "exchange":
            key, exchange, request, reply, *more = rest
            returned = more[0] if more else "0"
            content_type = "text/plain; charset=" + (more[1] if len(more) > 1 else "GBK")
            publish(channel, key, read(request), content_type, {"huiliu-exchange": exchange, "huiliu-part": "request"})
            publish(channel, key, read(reply), content_type, {"huiliu-exchange": exchange, "huiliu-part": "reply", "huiliu-return": returned})
        elif verb == "reply-only":
            key, exchange, reply = rest
            publish(channel, key, read(reply), "text/plain; charset=GBK", {"huiliu-exchange": exchange, "huiliu-part": "reply", "huiliu-return": "0"})
        elif verb == "message":
            key, path, *more = rest
            publish(channel, key, read(path), more[0] if more else "application/xml; charset=UTF-8", None)
        else:
            raise SystemExit("unknown verb " + verb)
        print(json.dumps({"published": time.time()}))
    connection.close()


main()

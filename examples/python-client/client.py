#!/usr/bin/env python3
"""Weft from Python: apply a network with two ports, wait until the switches have it, list the ports, watch one of them
being deleted, and clean up. See README.md."""

import argparse
import sys

import grpc

# Made by protoc of the files in proto/: see README.md.
from weft.v1 import resource_pb2 as resource
from weft.v1 import weft_pb2 as weft


class Weft:
    """The calls of WeftService, made from its description: Weft(channel).Apply(request, timeout=10).

    grpcio's own generator (grpc_python_plugin) would write the same as a file.
    """

    def __init__(self, channel):
        service = weft.DESCRIPTOR.services_by_name["WeftService"]
        for method in service.methods:
            connect = channel.unary_stream if method.name == "Watch" else channel.unary_unary
            call = connect(
                f"/{service.full_name}/{method.name}",
                request_serializer=getattr(weft, method.input_type.name).SerializeToString,
                response_deserializer=getattr(weft, method.output_type.name).FromString,
            )
            setattr(self, method.name, call)


def port(name, ip):
    return resource.Resource(
        kind="Port", project="demo", name=name, port_spec={"network": "net", "fixed_ips": [{"ip": ip}]}
    )


def run(api):
    applied = api.Apply(
        weft.ApplyRequest(
            resources=[
                resource.Resource(kind="Network", project="demo", name="net", network_spec={}),
                resource.Resource(
                    kind="Subnet", project="demo", name="net-v4", subnet_spec={"network": "net", "cidr": "10.1.0.0/24"}
                ),
                port("vm1", "10.1.0.11"),
                port("vm2", "10.1.0.12"),
            ]
        ),
        timeout=10,
    )
    print(f"applied {len(applied.results)} resources")

    progress = api.Wait(weft.WaitRequest(revision=applied.revision), timeout=40)
    print(f"realised: {str(progress.realised).lower()}")

    ports = weft.Filter(kinds=["Port"], project="demo", fields=["spec.network=net"])
    token = ""
    while True:
        page = api.List(weft.ListRequest(filter=ports, page_token=token), timeout=10)
        for p in page.resources:
            print(f"port {p.name} has {p.status.port.fixed_ips[0].ip}")
        token = page.next_page_token
        if not token:
            break

    vm2 = resource.ResourceRef(kind="Port", project="demo", name="vm2")
    api.Delete(weft.DeleteRequest(refs=[vm2]), timeout=10)
    # A watch from a revision misses nothing, even what happened before it began.
    changes = api.Watch(weft.WatchRequest(filter=ports, from_revision=applied.revision + 1), timeout=60)
    for event in (event for change in changes for event in change.events):
        if event.type == weft.Event.TYPE_DELETE:
            print(f"port {event.resource.name} was deleted")
            changes.cancel()
            break

    demo = resource.ResourceRef(kind="Project", name="demo")
    api.Delete(weft.DeleteRequest(refs=[demo], cascade=True), timeout=10)
    print("cleaned up")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="127.0.0.1:6650", help="address of weftd")
    args = parser.parse_args()
    with grpc.insecure_channel(args.server) as channel:
        try:
            run(Weft(channel))
        except grpc.RpcError as err:
            sys.exit(f"client.py: {err.details()}")


if __name__ == "__main__":
    main()

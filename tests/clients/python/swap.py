"""Proposes a swap, locks its leg with a key of its own, and follows the swap to the end.

Settings come from the environment: API (host:port), TOKEN, KEY (hex), BRIDGE, GIVE and TAKE (CAIP-19 assets),
GIVE_AMOUNT, TAKE_AMOUNT, PEER (the counterparty's address), PROTO (folder of the .proto files), and CA (PEM file)
with SERVER_NAME for TLS. The exit code is 0 if both legs were released.
"""

import os
import sys
import uuid

import grpc
from eth_account import Account
from eth_utils import to_checksum_address

env = os.environ
sys.path.insert(0, env.get("PROTO", os.path.join(os.path.dirname(__file__), "../../../proto")))
pb, services = grpc.protos_and_services("causeway/exchange/v1/exchange.proto")
key = Account.from_key(env["KEY"])
auth = [("authorization", "Bearer " + env["TOKEN"])]

if "CA" in env:
    credentials = grpc.ssl_channel_credentials(open(env["CA"], "rb").read())
    options = [("grpc.ssl_target_name_override", env["SERVER_NAME"])]
    channel = grpc.secure_channel(env["API"], credentials, options)
else:
    channel = grpc.insecure_channel(env["API"])
api = services.ExchangeServiceStub(channel)


def submit(prepared):
    """Signs a prepared transaction from its typed fields, and has it broadcast."""
    evm = prepared.evm
    tx = dict(chainId=evm.chain_id, nonce=evm.nonce, gas=evm.gas, to=to_checksum_address(evm.to), data=evm.data, value=0)
    if evm.gas_price:
        tx["gasPrice"] = int(evm.gas_price)
    else:
        tx.update(maxFeePerGas=int(evm.max_fee_per_gas), maxPriorityFeePerGas=int(evm.max_priority_fee_per_gas), type=2)
    raw = bytes(key.sign_transaction(tx).raw_transaction)
    return api.SubmitSigned(pb.SubmitSignedRequest(chain=prepared.chain, raw_transaction=raw), metadata=auth)


def leg(lanes, asset, amount, giver, taker):
    """A leg whose deadline is five minutes from now in the clock of its chain."""
    chain = asset.split("/")[0]
    made = pb.Leg(asset=asset, amount=amount)
    setattr(made, "from", f"{chain}:{giver.lower()}")
    made.to = f"{chain}:{taker.lower()}"
    made.deadline.seconds = next(l.source_time.seconds for l in lanes if l.source_chain == chain) + 300
    return made


lanes = api.Quote(pb.QuoteRequest(bridge=env["BRIDGE"]), metadata=auth).lanes
me, peer = key.address, env["PEER"]
legs = [leg(lanes, env["GIVE"], env["GIVE_AMOUNT"], me, peer), leg(lanes, env["TAKE"], env["TAKE_AMOUNT"], peer, me)]
terms = pb.SwapTerms(bridge=env["BRIDGE"], legs=legs)
request = pb.ProposeSwapRequest(terms=terms, request_id=str(uuid.uuid4()))
swap = api.ProposeSwap(request, metadata=auth)
print("proposed", swap.name, flush=True)

for event in api.WatchSwap(pb.WatchSwapRequest(name=swap.name), metadata=auth, timeout=240):
    swap = event.swap
    print(pb.SwapEvent.Kind.Name(event.kind), event.leg, flush=True)
    if event.kind == pb.SwapEvent.KIND_ACCEPTED:
        for prepared in api.PrepareLock(pb.PrepareLockRequest(swap=swap.name, leg=0), metadata=auth).transactions:
            submit(prepared)
print("ended", pb.Swap.State.Name(swap.state), flush=True)
sys.exit(0 if swap.state == pb.Swap.STATE_RELEASED else 1)

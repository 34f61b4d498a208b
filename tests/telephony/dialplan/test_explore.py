import asyncio, time, secrets, statistics
import pytest
pytestmark = pytest.mark.telephony

async def leg(p, name):
    lid=secrets.token_hex(16)
    await p.send("Originate",Channel=f"PJSIP/{name}",ChannelId=lid,Context="fd-leg",Exten="s",Priority="1",Async="true",Timeout="10000",variables={"FD_AGENT":name})
    await p.until(UserEvent="FairdialLegUp",Leg=lid)
    return lid

async def call(p, number, **v):
    aid=secrets.token_hex(16)
    var={"FD_AMD":"1","FD_CONNECT_S":"1.5","FD_TREATMENT":"late_agent","FD_LATE_S":"2","FD_MESSAGE":"safe-harbour","FD_RECORDING":"announce_then_record","PJSIP_HEADER(add,P-Asserted-Identity)":"<sip:+12025550199@127.0.0.1>"}|v
    await p.send("Originate",Channel=f"PJSIP/{number}@carrier",ChannelId=aid,Context="fd-answered",Exten="s",Priority="1",Async="true",EarlyMedia="false",Timeout="30000",CallerID="+12025550199",variables=var)
    return aid

async def test_x(exchange):
    async with exchange.probe() as p:
        for n in range(200):
            if "Registered" in await exchange.dialer.console("pjsip show registrations") and "alice/" in await exchange.dialer.console("pjsip show contacts"): break
        print(await exchange.dialer.console("pjsip show contacts"))
        l=await leg(p,"alice")
        t=time.monotonic(); mark=len(p.events)
        a=await call(p,"+12025550101")
        v=await p.until(UserEvent="FairdialVerdict",Attempt=a)
        await p.send("Redirect",Channel=v["Channel"],Context="fd-connect",Exten=l,Priority="1")
        await p.until(Event="BridgeEnter",Uniqueid=l)
        await p.until(Event="BridgeEnter",Uniqueid=a)
        await asyncio.sleep(5)
        await p.send("Hangup",Channel=v["Channel"])
        await asyncio.sleep(1)
        for e in p.events[mark:]: print(round(e.at-t,4), {k:v for k,v in e.fields.items() if k in("Event","UserEvent","Uniqueid","Linkedid","Attempt","Leg","Verdict","Cause","Channel","BridgeUniqueid","DialStatus","Response","Message","Cause-txt","Exten","Context","Reason","BridgeNumChannels")})
        print(await exchange.dialer.console("core show channels concise"))
        import os
        print(__import__("subprocess").getoutput(f"ls -la {exchange.dialer.place.recordings}"), exchange.dialer.log_tail())
        os.system(f"cp {exchange.dialer.place.recordings}/*.raw /tmp/rec.raw")

async def test_bench(exchange):
    async with exchange.probe() as p:
        for n in range(200):
            out=await exchange.dialer.console("pjsip show contacts")
            if "Registered" in await exchange.dialer.console("pjsip show registrations") and all(a+"/" in out for a in ("alice","bob","carol","dave","erin")): break
        legs=[await leg(p,a) for a in ("alice","bob","carol","dave","erin")]
        for way in ("redirect","bridge","redirect","bridge"):
            ms=[]
            async def one(l,i):
                for k in range(8):
                    a=await call(p,"+12025550101",FD_AMD="0",FD_CONNECT_S="5")
                    v=await p.until(UserEvent="FairdialVerdict",Attempt=a)
                    t=time.monotonic()
                    mark=len(p.events)
                    if way=="redirect": await p.send("Redirect",Channel=v["Channel"],Context="fd-connect",Exten=l,Priority="1")
                    else: await p.send("Bridge",Channel1=a,Channel2=l,Tone="no")
                    e1=await p.until(mark=max(0,mark-5),Event="BridgeEnter",Uniqueid=a)
                    e2=await p.until(mark=max(0,mark-5),Event="BridgeEnter",Uniqueid=l)
                    ms.append((max(e1.at,e2.at)-v.at)*1000)
                    await p.send("Hangup",Channel=v["Channel"])
                    await p.until(mark=mark,Event="BridgeLeave",Uniqueid=l)
                    await asyncio.sleep(0.05)
            await asyncio.gather(*(one(l,i) for i,l in enumerate(legs)))
            ms.sort(); print(way,len(ms),"median",round(statistics.median(ms),2),"p90",round(ms[int(len(ms)*.9)],2),"max",round(ms[-1],2))
        # agent hangs up while bridged
        a=await call(p,"+12025550101",FD_AMD="0",FD_CONNECT_S="5"); v=await p.until(UserEvent="FairdialVerdict",Attempt=a)
        await p.send("Redirect",Channel=v["Channel"],Context="fd-connect",Exten=legs[0],Priority="1")
        e=await p.until(Event="BridgeEnter",Uniqueid=a); mark=len(p.events); t=time.monotonic()
        await p.send("Hangup",Channel=legs[0])
        await p.until(mark=mark,UserEvent="FairdialTreatment")
        await p.until(mark=mark,Event="Hangup",Uniqueid=a)
        # leg not there
        a2=await call(p,"+12025550101",FD_AMD="0",FD_CONNECT_S="3"); v=await p.until(UserEvent="FairdialVerdict",Attempt=a2)
        await p.send("Redirect",Channel=v["Channel"],Context="fd-connect",Exten=legs[0],Priority="1")
        await p.until(Event="Hangup",Uniqueid=a2)
        for e in p.events[mark:]: print(round(e.at-t,4), {k:v for k,v in e.fields.items() if k in("Event","UserEvent","Uniqueid","Attempt","Leg","Verdict","Treatment","Cause","Channel","TechCause","Response","Message","Cause-txt","Exten","Context","Reason","BridgeNumChannels")})
        # DTMF on waiting leg and bridged
        print(exchange.dialer.log_tail())

"""A FastAPI service as its authors would instrument it: `python fastapi_app.py PORT`."""

import sys

import uvicorn
from fastapi import FastAPI, HTTPException
from prometheus_fastapi_instrumentator import Instrumentator

app = FastAPI()


@app.get("/orders/{number}")
def order(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/unavailable")
def unavailable() -> None:
    raise HTTPException(503)


@app.get("/broken")
def broken() -> None:
    raise RuntimeError("an error that nobody caught")


Instrumentator(
    excluded_handlers=["/metrics"], should_instrument_requests_inprogress="inprogress" in sys.argv
).instrument(app).expose(app)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")

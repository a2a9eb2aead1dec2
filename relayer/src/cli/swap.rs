//! `causeway swap`: proposes, accepts and follows swaps over the api listener, as an exchange's own program would. It signs
//! nothing: what to sign, `PrepareLock` says.

use super::{
    Answer,
    admin::refused,
    deploy,
    exit::{CliError, Failure},
    output::{Shown, table},
};
use crate::config::{
    Config, Stage,
    secret::{MAX_FILE_BYTES, read_public, read_secret},
};
use causeway_proto::exchange::v1::{
    AcceptSwapRequest, CancelSwapRequest, GetSwapRequest, Leg, LegStatus, ListSwapsRequest, ProposeSwapRequest,
    QuoteRequest, Swap, SwapTerms, WatchSwapRequest, exchange_service_client::ExchangeServiceClient,
};
use clap::{Args, Subcommand};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::TLS13,
};
use serde_json::{Value, json};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpStream;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// How long connecting may take, and a call that is no stream.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pages that are read at most: 1,000 swaps each.
const MAX_PAGES: usize = 50;

/// Arguments of `causeway swap`.
#[derive(Debug, Args)]
pub struct SwapArgs {
    /// File with the bearer token, mode 0600.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_API_TOKEN_FILE")]
    token_file: PathBuf,
    /// PEM file: the CA of the listener's certificate. Without it the connection is plaintext, for development.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name in the listener's certificate.
    #[arg(long, value_name = "NAME", requires = "ca")]
    server_name: Option<String>,
    /// Where the relayer listens for exchanges; what the configuration says if absent.
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<String>,
    #[command(subcommand)]
    command: SwapCommand,
}

/// What to do with swaps.
#[derive(Debug, Subcommand)]
pub enum SwapCommand {
    /// Offer a swap to a counterparty.
    Propose(Box<ProposeArgs>),
    /// Accept a swap, after a look at its terms with `get`.
    Accept {
        /// The swap: swaps/0x…
        swap: String,
    },
    /// List the swaps of the caller's accounts.
    List {
        /// Such as `state = OFFERED AND bridge = bridges/alpha-beta`.
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// Show a swap.
    Get {
        /// The swap: swaps/0x…
        swap: String,
    },
    /// Follow a swap to its end: one line an event.
    Watch {
        /// The swap: swaps/0x…
        swap: String,
    },
    /// Take a proposal back, or turn an offer down.
    Cancel {
        /// The swap: swaps/0x…
        swap: String,
        /// Why, for the counterparty.
        #[arg(long, default_value = "")]
        comment: String,
    },
}

/// Arguments of `causeway swap propose`.
#[derive(Debug, Args)]
pub struct ProposeArgs {
    /// The bridge's name.
    #[arg(long)]
    bridge: String,
    /// What the caller gives, CAIP-19.
    #[arg(long, value_name = "ASSET")]
    give: String,
    /// How much of it, in its smallest unit, or the token id.
    #[arg(long, value_name = "AMOUNT")]
    give_amount: String,
    /// The caller's account there, CAIP-10.
    #[arg(long, value_name = "ACCOUNT")]
    give_from: String,
    /// The counterparty's account there, CAIP-10.
    #[arg(long, value_name = "ACCOUNT")]
    give_to: String,
    /// What the caller wants, CAIP-19 on the bridge's other chain.
    #[arg(long, value_name = "ASSET")]
    take: String,
    /// How much of it.
    #[arg(long, value_name = "AMOUNT")]
    take_amount: String,
    /// The counterparty's account there.
    #[arg(long, value_name = "ACCOUNT")]
    take_from: String,
    /// The caller's account there.
    #[arg(long, value_name = "ACCOUNT")]
    take_to: String,
    /// How long both parties may take to lock, by each chain's own clock. Whoever locks second decides until then: keep it
    /// short.
    #[arg(long, default_value = "10m", value_parser = deploy::humantime_seconds)]
    within: u64,
    /// The same again gives the same swap.
    #[arg(long)]
    request_id: String,
}

/// Shows the token.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Client = ExchangeServiceClient<InterceptedService<Channel, Bearer>>;

pub(super) async fn run(file: &Path, args: SwapArgs) -> Answer {
    let mut client = connect(file, &args).await?;
    let told = |status: Status| refused(&status);
    let swap = match args.command {
        SwapCommand::Propose(args) => propose(&mut client, *args).await?,
        SwapCommand::Get { swap } => client.get_swap(GetSwapRequest { name: swap }).await.map_err(told)?.into_inner(),
        SwapCommand::Accept { swap } => {
            let found = client.get_swap(GetSwapRequest { name: swap.clone() }).await.map_err(told)?.into_inner();
            let request = AcceptSwapRequest { name: swap, terms: found.terms };
            client.accept_swap(request).await.map_err(told)?.into_inner()
        }
        SwapCommand::Cancel { swap, comment } => {
            let request = CancelSwapRequest { name: swap, comment };
            client.cancel_swap(request).await.map_err(told)?.into_inner()
        }
        SwapCommand::List { filter } => return list(&mut client, filter).await,
        SwapCommand::Watch { swap } => watch(&mut client, swap).await?,
    };
    Ok(Box::new(Shown::new(json(&swap), |value: &Value, f: &mut fmt::Formatter<'_>| {
        f.write_str(&serde_json::to_string_pretty(value).unwrap_or_default())
    })))
}

async fn connect(file: &Path, args: &SwapArgs) -> Result<Client, CliError> {
    let unusable = |problem: crate::config::Problem| {
        CliError::new(
            Failure::Config,
            format!("{}: expected {}, found {}", problem.key, problem.expected, problem.found),
        )
        .advise(problem.action)
    };
    let token = read_secret("--token-file", &args.token_file).map_err(unusable)?;
    let token = String::from_utf8(token).ok().map(|text| format!("Bearer {}", text.trim()));
    let token = token.and_then(|text| MetadataValue::try_from(text).ok());
    let token = token.ok_or_else(|| CliError::new(Failure::Config, "--token-file: not a token"))?;
    let at = match &args.api {
        Some(at) => at.clone(),
        None => {
            let config = Config::load_at(file, Stage::BeforeDeployment)?;
            let api = config.api.ok_or_else(|| {
                CliError::new(Failure::Config, "the configuration has no section [api]").advise("name it with --api")
            })?;
            api.listen.to_string()
        }
    };
    let tls = match &args.ca {
        None => None,
        Some(ca) => {
            let pem = read_public("--ca", ca, MAX_FILE_BYTES).map_err(unusable)?;
            let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host);
            let name = args.server_name.as_deref().unwrap_or(host).to_owned();
            Some(secure(&pem, name)?)
        }
    };
    let to = at.clone();
    let connector = tower::service_fn(move |_| {
        let (to, tls) = (to.clone(), tls.clone());
        async move {
            let stream = TcpStream::connect(to).await?;
            Ok::<_, std::io::Error>(TokioIo::new(match tls {
                None => Box::new(stream) as crate::peers::connect::BoxIo,
                Some((config, name)) => Box::new(tokio_rustls::TlsConnector::from(config).connect(name, stream).await?),
            }))
        }
    });
    let endpoint = Endpoint::from_static("http://causeway.internal").connect_timeout(DEADLINE);
    let channel = endpoint.connect_with_connector(connector).await.map_err(|_| {
        CliError::new(Failure::Unreachable, format!("no relayer listens for exchanges at {at}"))
            .advise("check --api, --ca and --server-name against the relayer's section [api]")
    })?;
    Ok(ExchangeServiceClient::with_interceptor(channel, Bearer(token)))
}

fn secure(pem: &[u8], name: String) -> Result<(Arc<ClientConfig>, ServerName<'static>), CliError> {
    let bad = |what: String| CliError::new(Failure::Config, format!("--ca: {what}"));
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pem) {
        let root = root.map_err(|e| bad(format!("{e:?}")))?;
        roots.add(root).map_err(|e| bad(e.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    let mut config = config.map_err(|e| bad(e.to_string()))?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(name).map_err(|e| bad(format!("--server-name: {e}")))?;
    Ok((Arc::new(config), name))
}

async fn propose(client: &mut Client, args: ProposeArgs) -> Result<Swap, CliError> {
    let told = |status: Status| refused(&status);
    let bridge = format!("bridges/{}", args.bridge);
    let quote = QuoteRequest { bridge: bridge.clone(), asset: args.give.clone() };
    let quote = client.quote(quote).await.map_err(told)?.into_inner();
    // Deadlines are in the clock of the leg's chain, which may be far from this machine's.
    let deadline = |asset: &str| {
        let chain = asset.split('/').next().unwrap_or_default();
        let lane = quote.lanes.iter().find(|lane| lane.source_chain == chain);
        let now = lane.and_then(|lane| lane.source_time).ok_or_else(|| {
            CliError::new(Failure::Refused, format!("{asset}: the relayer does not follow its chain yet"))
        })?;
        let seconds = now.seconds.saturating_add(i64::try_from(args.within).unwrap_or(i64::MAX));
        Ok::<_, CliError>(Some(prost_types::Timestamp { seconds, nanos: 0 }))
    };
    let deadlines = [deadline(&args.give)?, deadline(&args.take)?];
    let [first, second] = deadlines;
    let legs = vec![
        Leg { asset: args.give, amount: args.give_amount, from: args.give_from, to: args.give_to, deadline: first },
        Leg { asset: args.take, amount: args.take_amount, from: args.take_from, to: args.take_to, deadline: second },
    ];
    let terms = Some(SwapTerms { bridge, legs, nonce: String::new() });
    let request = ProposeSwapRequest { terms, request_id: args.request_id, validate_only: false };
    Ok(client.propose_swap(request).await.map_err(told)?.into_inner())
}

async fn list(client: &mut Client, filter: String) -> Answer {
    let mut swaps = Vec::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let request = ListSwapsRequest { page_size: 0, page_token, filter: filter.clone() };
        let page = client.list_swaps(request).await.map_err(|status| refused(&status))?.into_inner();
        swaps.extend(page.swaps.iter().map(json));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(Box::new(Shown::new(json!({ "swaps": swaps }), |value: &Value, f: &mut fmt::Formatter<'_>| {
        let text = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rows = value.get("swaps").and_then(Value::as_array).into_iter().flatten().map(|swap| {
            let leg = |k: usize| {
                let leg = format!("/legs/{k}");
                format!("{} {}", text(swap, &format!("{leg}/amount")), text(swap, &format!("{leg}/asset")))
            };
            [text(swap, "/name"), text(swap, "/state"), leg(0), leg(1)]
        });
        write!(f, "{}", table(["SWAP", "STATE", "GIVES", "FOR"], rows))
    })))
}

/// Prints every event on standard error as it comes; the answer is how it ended.
async fn watch(client: &mut Client, swap: String) -> Result<Swap, CliError> {
    let request = WatchSwapRequest { name: swap.clone(), cursor: String::new() };
    let mut events = client.watch_swap(request).await.map_err(|status| refused(&status))?.into_inner();
    while let Some(event) = events.message().await.map_err(|status| refused(&status))? {
        let kind = event.kind().as_str_name().trim_start_matches("KIND_").to_lowercase();
        eprintln!("{kind} (leg {})", event.leg);
    }
    let ended = client.get_swap(GetSwapRequest { name: swap }).await;
    Ok(ended.map_err(|status| refused(&status))?.into_inner())
}

fn json(swap: &Swap) -> Value {
    let state = swap.state().as_str_name().trim_start_matches("STATE_");
    let terms = swap.terms.clone().unwrap_or_default();
    let leg = |(leg, status): (&Leg, &LegStatus)| {
        json!({
            "asset": leg.asset,
            "amount": leg.amount,
            "from": leg.from,
            "to": leg.to,
            "deadline": leg.deadline.map(|time| time.seconds),
            "state": status.state().as_str_name().trim_start_matches("STATE_"),
            "outcome": status.outcome().as_str_name().trim_start_matches("OUTCOME_"),
            "transaction": status.transaction,
        })
    };
    let legs: Vec<Value> = terms.legs.iter().zip(&swap.legs).map(leg).collect();
    json!({
        "name": swap.name,
        "state": state,
        "bridge": terms.bridge,
        "nonce": terms.nonce,
        "legs": legs,
        "proposed_here": swap.proposed_here,
        "comment": swap.comment,
    })
}

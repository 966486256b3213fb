//! The messages of a round as plain functions: what is asked for, what is answered, what is taken from the answer.
//!
//! Enters: a replica and a message. Leaves: the message that follows, or what was taken in. No HTTP and no signatures of messages: the API and the
//! rounds put those around it, and a simulator hands the messages over itself. Whatever a message says, nothing unverified is applied.

use super::{
    intake::{Intake, compare_heads, take_in_from},
    outbox::{Since, newest_heads, outgoing},
    wire::{self, PullAnswer, PullRequest, PushAnswer, PushRequest},
};
use crate::{
    clock::VersionVector,
    devices::{acknowledgements, membership},
    log::{Operation, PageLimit},
    manager::{Replica, ReplicaError},
    snapshot::note_recovery,
};

/// How large a page is, about.
pub(crate) const PAGE: PageLimit = PageLimit { changes: 5_000, bytes: 4 << 20 };

/// Asks for what is not held here.
pub fn ask(replica: &Replica) -> Result<PullRequest, ReplicaError> {
    Ok(PullRequest {
        device_id: replica.identity().device_id,
        known: Some(replica.held()),
        heads: newest_heads(replica.database(), replica.identity())?,
        limit: Some(PAGE.changes),
        acknowledgements: replica.acknowledgements()?,
        ..PullRequest::default()
    })
}

/// Answers who asks, a page at a time.
pub fn answer_pull(replica: &Replica, request: PullRequest) -> Result<PullAnswer, ReplicaError> {
    let since = match (request.known, request.since_version) {
        (Some(_), Some(_)) => return Err(ReplicaError::Message("give since_version or known, not both".to_owned())),
        (Some(known), None) => Since::Known(known),
        (None, position) => Since::Position(position.unwrap_or(0)),
    };
    let limit = PageLimit { changes: request.limit.unwrap_or(PAGE.changes).clamp(1, PAGE.changes), ..PAGE };
    let (database, identity) = (replica.database(), replica.identity());
    acknowledgements::take(database, identity, &request.acknowledgements)?;
    compare_heads(database, identity, &request.heads)?;
    let known = replica.held();
    let members = match &since {
        Since::Known(theirs) => membership::unknown_to(&*database.glance()?, theirs)?,
        Since::Position(_) => Vec::new(),
    };
    let mut page = outgoing(database, identity, since, limit)?;
    page.heads.extend(newest_heads(database, identity)?);
    Ok(PullAnswer {
        changes: wire::to_wire(page.transactions),
        latest_version: page.position,
        more: page.more,
        heads: page.heads,
        known,
        acknowledgements: replica.acknowledgements()?,
        members,
    })
}

/// Takes an answer in.
pub fn take_answer(replica: &Replica, answer: PullAnswer) -> Result<Intake, ReplicaError> {
    let transactions = wire::from_wire(answer.changes).map_err(ReplicaError::Message)?;
    let (database, identity) = (replica.database(), replica.identity());
    compare_heads(database, identity, &answer.heads)?;
    let has_a_past = database.log_state().held().0.keys().any(|author| *author != identity.device_id);
    if has_a_past && transactions.iter().any(|t| t.changes.iter().any(|change| change.operation == Operation::Pruned)) {
        note_recovery(replica)?;
    }
    let intake = take_in_from(database, identity, replica.strategies(), transactions, &answer.heads, &answer.members)?;
    replica.announce(&intake);
    acknowledgements::take(database, identity, &answer.acknowledgements)?;
    Ok(intake)
}

/// Offers a page of what a peer that holds `theirs` lacks; answers also whether there is more.
pub fn offer(replica: &Replica, theirs: VersionVector) -> Result<(PushRequest, bool), ReplicaError> {
    let members = membership::unknown_to(&*replica.database().glance()?, &theirs)?;
    let page = outgoing(replica.database(), replica.identity(), Since::Known(theirs), PAGE)?;
    let request = PushRequest {
        device_id: replica.identity().device_id,
        changes: wire::to_wire(page.transactions),
        heads: page.heads,
        acknowledgements: replica.acknowledgements()?,
        members,
    };
    Ok((request, page.more))
}

/// Takes an offer in, and says what is held now.
pub fn answer_push(replica: &Replica, request: PushRequest) -> Result<PushAnswer, ReplicaError> {
    let transactions = wire::from_wire(request.changes).map_err(ReplicaError::Message)?;
    let (database, identity) = (replica.database(), replica.identity());
    let intake = take_in_from(database, identity, replica.strategies(), transactions, &request.heads, &request.members)?;
    replica.announce(&intake);
    acknowledgements::take(database, identity, &request.acknowledgements)?;
    Ok(PushAnswer {
        accepted: intake.applied.changes,
        conflicts: intake.applied.conflicts,
        missing: intake.applied.missing,
        refused: intake.refused.iter().map(ToString::to_string).collect(),
        known: replica.held(),
        acknowledgement: Some(replica.word()),
    })
}

//! The hash states of an open upload in one column, the same in every engine.

/// Two bytes of length, big-endian, before each state.
pub(crate) fn pack(states: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let mut column = Vec::new();
    for state in states {
        let length = u16::try_from(state.len());
        let length = length.map_err(|_| "a hash state is too long".to_owned())?;
        column.extend_from_slice(&length.to_be_bytes());
        column.extend_from_slice(state);
    }
    Ok(column)
}

/// The states again; says so if the column is cut short.
pub(crate) fn unpack(mut column: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let damaged = || "the hash states of an upload are cut short".to_owned();
    let mut states = Vec::new();
    while !column.is_empty() {
        let (length, rest) = column.split_first_chunk().ok_or_else(damaged)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (state, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        states.push(state.to_vec());
        column = rest;
    }
    Ok(states)
}
